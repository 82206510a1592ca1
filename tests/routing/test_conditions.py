"""Conditions: what they say, and that nothing else can be said."""

import ast
import re
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from routing.fleets import NOW, job

from container_manager_core import ConfigurationError, Job
from container_manager_core.rules import Condition, Facts, Rule, RuleSet, TemplateFacts, UserFacts, default_facts

PREMIUM = {"template": "batch-nightly", "groups": "premium, staff", "team": "red"}


def holds(text: str, wanted: Job, now: datetime = NOW) -> bool | str:
    return Condition.parse(text).evaluate(default_facts(wanted), now)


@pytest.mark.parametrize(
    "text",
    [
        "template.memory_limit > 8192",
        "8192 < resources.memory_mib <= 9000",
        'template.name.startswith("batch-")',
        'user.groups.filter(name="premium").exists()',
        '"premium" in user.groups',
        '"gold" not in user.groups',
        'labels["team"] == "red" and not labels.get("absent")',
        'labels.get("absent", "blue") == "blue"',
        '"team" in labels',
        'labels.get("team") in ("red", "green")',
        "job.priority in {10, 50}",
        "job.created_by == user.username == user.name",
        "job.scheduled_at is None",
        "now.hour >= 12 and now.weekday() < 5",
        "resources.memory_mib * 2 + 1 > 2 ** 14",
        "(resources.memory_mib if job.priority > 10 else 0) > 8192",
        '"x" + template.name.upper() == "xBATCH-NIGHTLY"',
        "True",
        "  job.priority ==\n  50",
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert holds(text, job(9000, PREMIUM, created_by="ann")) is True


@pytest.mark.parametrize(
    "text",
    [
        "resources.memory_mib > 9000",
        'template.name.endswith("batch-")',
        'user.groups.filter(name="premiu").exists()',
        'job.created_by.startswith("b")',
        "now < job.created_at",
        "False or None",
    ],
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert holds(text, job(9000, PREMIUM, created_by="ann")) is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("template.memory_limit > 5", "template.memory_limit is not set"),
        ("not resources.memory_mib > 5", "resources.memory_mib is not set"),
        ('job.created_by.startswith("x")', "job.created_by is not set"),
        ("job.priority > 0 and resources.cpus < 3", "TypeError: '<' not supported between instances of 'NoneType' and"),
        ('labels["absent"] == "x"', "KeyError: 'absent'"),
        ("job.priority / (job.priority - 50) > 1", "ZeroDivisionError"),
    ],
)
def test_a_condition_without_an_answer_says_why_and_its_rule_does_not_match(text: str, why: str) -> None:
    answer = holds(text, job())
    assert isinstance(answer, str)
    assert why in answer
    facts = default_facts(job())
    assert (
        RuleSet([Rule(condition=text, executor="docker")]).first_match(facts.job, facts.template, facts.user, NOW) == -1
    )


HOSTILE = [
    ("__import__('os').system('id')", 1),
    ("job.__class__", 1),
    ("job.name.__class__.__mro__[1].__subclasses__()", 1),
    ("job.name.__len__() > 0", 1),
    ("().__class__.__bases__[0]", 1),
    ("template.__init__.__globals__", 1),
    ("open('/etc/passwd')", 1),
    ("eval('1')", 1),
    ("exec('1')", 1),
    ("getattr(job, 'name')", 1),
    ("lambda: 1", 1),
    ("(lambda: 1)()", 1),
    ("[x for x in labels]", 1),
    ("{x for x in labels}", 1),
    ("{x: 1 for x in labels}", 1),
    ("any(x for x in labels)", 1),
    ("(y := job.name)", 2),
    ("f'{job.name}'", 1),
    ("f'{job.__class__}'", 1),
    ("'{0.__class__}'.format(job)", 1),
    ("job.name.format(job)", 1),
    ("'%1000000000d' % 1", 1),
    ("job.name % 1", 1),
    ("'a' * 1000000000", 1),
    ("1000000000 * 'a'", 1),
    ("job.name * job.priority", 1),
    ("('a', 'b') * 100000000", 1),
    ("9 ** 9 ** 9", 1),
    ("9 ** 99999999", 1),
    ("2 ** job.priority", 1),
    ("job.priority ** 2", 1),
    ("(2 ** 60) ** 60", 1),
    ("2 ** -1", 1),
    ("1 << 100000000", 1),
    ("~job.priority", 1),
    ("99999999999999999999", 1),
    ("1e999", 1),
    ("1j", 1),
    ("b'x'", 1),
    ("...", 1),
    ("not " * 200 + "job.name", 129),
    ("job.name == " + "(" * 180 + "1" + ")" * 180, None),
    ("(" * 400 + "1" + ")" * 400, None),
    ("-" * 990 + "1", None),
    ("1+" * 499 + "1", None),
    ("job.name == '" + "a" * 1000 + "'", 1001),
    ("job", 1),
    ("user", 1),
    ("job.spec.environment", 1),
    ("job.save()", 1),
    ("job.store", 1),
    ("user.groups.all()", 1),
    ("user.groups.filter(name='x').delete()", 1),
    ("user.groups.filter(name='x')", 1),
    ("user.groups.filter(name='x').update(name='y')", 1),
    ("user.groups.filter(name__in=['x']).exists()", 1),
    ("user.groups.filter(**labels).exists()", 1),
    ("user.groups.create(name='x')", 1),
    ("user.groups.filter(name='x').exists().__class__", 1),
    ("user.objects.filter(name='x').exists()", 1),
    ("user.groups.clear()", 1),
    ("user.delete()", 1),
    ("labels.pop('x')", 1),
    ("labels.update(x=1)", 1),
    ("labels.get(*job.name)", 12),
    ("labels.get(default='x', key='y')", 1),
    ("labels.get", 1),
    ("job.name.startswith", 1),
    ("job.name.startswith()", 1),
    ("job.name.startswith(1)", 1),
    ("job.name.startswith('x', end=1)", 1),
    ("job.name.encode()", 1),
    ("job.name[0]", 1),
    ("job.name[0:1]", 10),
    ("now.replace(year=1)", 1),
    ("now.tzinfo", 1),
    ("now - now", 1),
    ("datetime.now()", 1),
    ("job.name < 1", 1),
    ("job.priority in job.name", 1),
    ("job.name == 1", 1),
    ("job.name is 'x'", 1),
    ("job.name in ['x', 1]", 13),
    ("job.name in []", 13),
    ("job.name in [*labels]", 14),
    ("await job", 1),
    ("yield 1", 1),
    ("import os", 1),
    ("job.name = 'x'", 10),
    ("del job", 1),
    ("job.name; job.name", 9),
    ("job.name # a comment\n) or (True", 10),
    ("'\\d' == job.name", 2),
    ("job.name == 'a' \\", 17),
    ("1 if True", 1),
    ("0x", 2),
    ("\x00", None),
    ("", 1),
    ("   ", 1),
    ("facts.job.name == 'x'", 1),
    ("template_name == 'x'", 1),
    ("call_0(1)", 1),
    ("ERRORS", 1),
    ("Facts", 1),
    ("\uff45val('1')", 1),
]


@pytest.mark.parametrize(("text", "column"), HOSTILE, ids=[repr(text[:40]) for text, _ in HOSTILE])
def test_what_could_reach_or_write_or_grow_is_refused_when_loaded_with_rule_and_column(
    text: str, column: int | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Rule(condition=text, executor="docker", reason="Hostile")
    place = re.fullmatch(r"rule \(Hostile\), column (\d+)", caught.value.place)
    assert place is not None, caught.value.place
    if column is not None:
        assert int(place[1]) == column, str(caught.value)
    assert caught.value.problem
    assert caught.value.remedy


WORDS = re.findall(
    r"\S+",
    """
    job template user resources labels now name groups memory_limit cpus priority filter exists startswith get lower
    and or not in is if else lambda for None True False __class__ __import__ eval format os x . . . ( ) [ ] { } , : :=
    == != < > <= >= + - * / // % ** << ~ 1 2 8192 99999999999 'a' 'team' "premium" f'{job}' b'x' = ; #
    """,
)
SENTENCES = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
HARMLESS = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.Attribute, ast.Call, ast.Subscript, ast.Tuple),
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Compare, ast.cmpop, ast.IfExp),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod),
)
METHODS = {"startswith", "endswith", "lower", "upper", "strip", "get", "weekday", "isoweekday"}


@given(st.one_of(SENTENCES, st.text(max_size=40)))
@example("labels . get ( 'team' ) == 'a' and job . priority > 1")
@example("template . name . lower ( ) . startswith ( 'a' )")
def test_whatever_is_written_is_refused_with_its_place_or_is_harmless(text: str) -> None:
    """An accepted condition, as it is compiled, has only harmless syntax and names, and evaluates to an answer."""
    try:
        condition = Condition.parse(text, "rule 7")
    except ConfigurationError as error:
        assert re.match(r"rule 7, column \d+$", error.place)
        return
    for node in ast.walk(ast.parse(condition.expression, mode="eval")):
        assert isinstance(node, HARMLESS), condition.expression
        if isinstance(node, ast.Name):
            assert node.id in condition.reads
        if isinstance(node, ast.Attribute):
            assert node.attr in METHODS | {"year", "month", "day", "hour", "minute"}
    facts = Facts(job=job(), template=TemplateFacts(), user=UserFacts())
    assert isinstance(condition.evaluate(facts, NOW), bool | str)


def test_a_callable_is_given_the_facts_and_what_it_raises_does_not_match() -> None:
    def broken(facts: Facts) -> bool:
        raise RuntimeError("no database")

    rules = RuleSet(
        [
            Rule(condition=broken, executor="docker"),
            Rule(condition=lambda facts: facts.resources.memory_mib == 64 and facts.labels == {}, executor="docker"),
        ]
    )
    facts = default_facts(job(64))
    assert rules.first_match(facts.job, facts.template, facts.user, NOW) == 1
    broken_finding, other = rules.findings(facts, NOW, 1, most=20)
    assert (broken_finding.outcome, broken_finding.detail) == ("no answer", "RuntimeError: no database")
    assert other.outcome == "matched"


@given(st.lists(st.sampled_from([True, False, None]), max_size=8))
def test_the_compiled_rules_find_what_asking_one_after_the_other_finds(answers: list[bool | None]) -> None:
    texts = {True: "job.priority == 50", False: "job.priority == 1", None: "resources.memory_mib > 1"}
    rules = RuleSet([Rule(condition=texts[answer], executor="docker") for answer in answers])
    facts = default_facts(job())
    found = rules.first_match(facts.job, facts.template, facts.user, NOW)
    assert found == (answers.index(True) if True in answers else -1)
