"""Many rules as one function."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from container_manager_core.job import Job, RuleFinding, RuleOutcome
from container_manager_core.rules.conditions import ERRORS
from container_manager_core.rules.facts import Facts, TemplateFacts, UserFacts
from container_manager_core.rules.rule import Rule

FirstMatch = Callable[[Job, TemplateFacts, UserFacts, datetime], int]


class RuleSet:
    """Rules in the order in which they are asked, compiled into one function.

    Attributes:
        rules: higher priority first, else as given.
        first_match: the position of the first rule that matches, -1 when none does. What raises does not match.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules: Sequence[Rule] = tuple(sorted(rules, key=lambda rule: -rule.priority))
        self.first_match: FirstMatch = _compiled(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def findings(self, facts: Facts, now: datetime, matched: int, most: int) -> tuple[RuleFinding, ...]:
        """What the rules gave: the one that matched and those before it, or the last ones when none did.

        Args:
            most: the nearest so many.
        """
        end = len(self.rules) if matched < 0 else matched + 1
        return tuple(self._finding(position, facts, now, matched) for position in range(max(0, end - most), end))

    def _finding(self, position: int, facts: Facts, now: datetime, matched: int) -> RuleFinding:
        rule = self.rules[position]
        outcome, detail = RuleOutcome.MATCHED, ""
        if position != matched:
            answer = rule.checked.evaluate(facts, now) if rule.checked else _called(rule, facts)
            outcome = RuleOutcome.NO_ANSWER if isinstance(answer, str) else RuleOutcome.NO_MATCH
            detail = answer if isinstance(answer, str) else ""
        return RuleFinding(
            number=position + 1,
            condition=rule.text,
            reason=rule.reason,
            target=rule.target,
            outcome=outcome,
            detail=detail,
        )


def _called(rule: Rule, facts: Facts) -> bool | str:
    assert callable(rule.condition)
    try:
        return bool(rule.condition(facts))
    except Exception as error:  # a stranger's code: what it raises must not stop the job
        return f"{type(error).__name__}: {error}"


def _compiled(rules: Sequence[Rule]) -> FirstMatch:
    """One function that reads each fact once and asks rule after rule.

    What is compiled is written from checked conditions alone, and sees no builtins.
    """
    reads: dict[str, tuple[str, ...]] = {}
    names: dict[str, Any] = {"__builtins__": {}, "ERRORS": ERRORS, "Exception": Exception, "Facts": Facts}
    body: list[str] = []
    for position, rule in enumerate(rules):
        if rule.checked:
            reads.update(rule.checked.reads)
            guards = "".join(f"{name} is not None and " for name in rule.checked.needs)
            question, errors = f"{guards}({rule.checked.expression})", "ERRORS"
        else:
            names[f"call_{position}"] = rule.condition
            question, errors = f"call_{position}(Facts(job=job, template=template, user=user))", "Exception"
        body += [" try:", f"  if {question}: return {position}", f" except {errors}: pass"]
    facts = [f" {name} = {'.'.join(path)}" for name, path in reads.items() if path != ("now",)]
    source = "\n".join(["def first_match(job, template, user, now):", *facts, *body, " return -1"])
    exec(compile(source, "<rules>", "exec"), names)
    function: FirstMatch = names["first_match"]
    return function
