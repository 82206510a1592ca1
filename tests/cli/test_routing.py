"""``explain``, ``route`` and ``plan``, and rules in the configuration file."""

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from cli.conftest import CommandLine

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
key_file = "key"

[worker]
poll_interval_seconds = 0.5

[hosts.here]
executor = "process"
cost_per_job = 0.5

[hosts.cloud]
executor = "mock"
cost_per_job = 2
config = { memory_mib = 1024 }

[hosts.resting]
executor = "mock"
active = false

[[rules]]
condition = "template.memory_limit > 8192"
host = "resting"
reason = "High memory requirement"

[[rules]]
condition = 'user.groups.filter(name="premium").exists()'
executor = "mock"
reason = "Premium user"

[[rules]]
condition = 'template.name.startswith("batch-")'
executor = "process"
reason = "Batch work"
"""


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[CommandLine]:
    prepared = CommandLine(tmp_path, CONFIGURATION)
    with closing(prepared):
        yield prepared


def test_explain_says_the_rule_and_one_line_for_each_host(routed: CommandLine) -> None:
    ended = routed("run", "--label", "template=batch-1", "--json", "alpine", "--", "echo", "hello")
    assert ended.code == 0, ended.stderr
    told = routed("explain", ended.json["id"])
    assert told.code == 0
    lines = told.stdout.splitlines()
    assert lines[0] == f"job {ended.json['id']}  completed on here"
    assert lines[1].startswith("decision: host here: Batch work (rule 3) (")
    assert lines[2:] == [
        "rules:",
        "  1 no answer: template.memory_limit is not set  template.memory_limit > 8192 -> host resting "
        "(High memory requirement)",
        '  2 no match  user.groups.filter(name="premium").exists() -> executor mock (Premium user)',
        '  3 matched  template.name.startswith("batch-") -> executor process (Batch work)',
        "hosts:",
        "  > here     Batch work (rule 3)",
        "  - cloud    mock runs only jobs that ask for it",
        "  - resting  mock runs only jobs that ask for it",
    ]
    facts = routed("explain", ended.json["id"][:8], "--json").json
    assert facts["route"]["rule"] == 3
    assert facts["route"]["reason"] == "Batch work (rule 3)"
    assert [finding["outcome"] for finding in facts["route"]["rules"]] == ["no answer", "no match", "matched"]
    assert {candidate["host"] for candidate in facts["route"]["candidates"]} == {"here", "cloud", "resting"}


def test_explain_says_why_a_job_waits(routed: CommandLine) -> None:
    job_id = routed("submit", "--host", "resting", "alpine").stdout.strip()
    assert "no decision yet: no worker has looked at it" in routed("explain", job_id).stdout
    assert routed("worker", "--once").code == 0
    told = routed("explain", job_id).stdout
    assert "pending on no host" in told
    assert "decision: no host can take it: resting: it is not active" in told
    assert "  - resting  it is not active\n" in told
    assert "  - here     the job asks for resting\n" in told
    routed("cancel", job_id)


def test_route_replays_past_jobs_through_other_rules(routed: CommandLine, tmp_path: Path) -> None:
    for number in range(2):
        assert routed("run", "--label", f"template=batch-{number}", "alpine", "--", "true").code == 0
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\ncondition = \'"batch-1" in template.name\'\nhost = "cloud"\nreason = "Away"\n')
    unchanged = routed("route", "--replay", "1")
    assert unchanged.stdout == "0 of 2 jobs of the last 1 days would have gone elsewhere; cost 1 -> 1 (0)\n"
    facts = routed("route", "--replay", "1", "--rules", str(rules), "--json").json
    assert (facts["jobs"], facts["moved"]) == (2, 2)
    by_target = {move["after"]: move for move in facts["moves"]}
    assert by_target["cloud"]["reason"] == "Away (rule 1)"
    assert [Decimal(by_target["cloud"][name]) for name in ("cost_before", "cost_after")] == [Decimal("0.5"), 2]
    assert by_target[None]["before"] == "here"
    told = routed("route", "--replay", "1", "--rules", str(rules)).stdout
    assert "Away (rule 1)" in told
    assert "2 of 2 jobs of the last 1 days would have gone elsewhere; cost 1 -> 2 (+1)" in told


def test_plan_shows_each_host_and_what_is_missing(routed: CommandLine) -> None:
    told = routed("plan", "--memory", "2048", "alpine", "--", "true", COLUMNS="200")
    assert told.code == 0
    assert "here    process  yes  2048 MiB 0 + 0.5 a job" in told.stdout
    remedy = "ask for less, or raise the host's option memory_mib"
    assert f"cloud: resources.memory_mib: 2048 MiB are more than the 1024 MiB of this host; {remedy}" in told.stdout
    facts = {each["host"]: each for each in json.loads(routed("plan", "--memory", "2048", "alpine", "--json").stdout)}
    assert facts["cloud"]["can_run"] is False
    assert facts["cloud"]["problems"][0]["remedy"] == remedy
    only = routed("plan", "--memory", "2048", "--host", "cloud", "alpine", "--json")
    assert (only.code, [each["host"] for each in only.json]) == (1, ["cloud"])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            '[[rules]]\ncondition = "job.save()"\nexecutor = "mock"',
            "rule 1, column 1: job has no method 'save' here",
        ),
        (
            '[[rules]]\ncondition = "True"\nhost = "a"\n[[rules]]\ncondition = "now < 1"\nhost = "a"\nreason = "Odd"',
            "rules.toml: rule 2 (Odd), column 1: a time cannot be compared with a number in this way",
        ),
        ('[[rules]]\nexecutor = "mock"', "rules.toml: rule 1: condition: this key is missing; add it"),
        ('[[rules]]\ncondition = "True"', "rules.toml: rule 1: the rule sends jobs nowhere; give it an executor"),
        (
            '[[rules]]\ncondition = "True"\nexecuter = "x"',
            "rule 1: executer: the key 'executer' is unknown",
        ),
        ('[[rules]]\ncondition = 3\nhost = "x"', "rules.toml: rule 1: condition: 3 is not a string"),
        (
            '[[rules]]\ncondition = "True"\nhost = "x"\nrequired = "no"',
            "rule 1: required: 'no' is not true",
        ),
        ("", "rules.toml: the file has no rules; write [[rules]] tables in it"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_file_rule_and_column(
    routed: CommandLine, tmp_path: Path, rules: str, message: str
) -> None:
    (tmp_path / "rules.toml").write_text(rules)
    ended = routed("route", "--replay", "1", "--rules", str(tmp_path / "rules.toml"))
    assert ended.code == 2
    assert str(tmp_path / "rules.toml") in ended.stderr
    assert message in ended.stderr
