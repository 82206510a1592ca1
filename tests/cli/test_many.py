"""`submit --count` and `--file`, `cancel`, `restart` and `move` of all jobs that match, `costs` and `budgets`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli.conftest import CommandLine

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
key_file = "key"
[worker]
poll_interval_seconds = 0.5
[hosts.lab]
executor = "process"
cost_per_job = 0.25
[hosts.rack]
executor = "process"
cost_per_job = 0.0000015
[policy]
max_jobs = 50
max_timeout_seconds = 60
"""


@pytest.fixture
def priced(command_line: CommandLine) -> CommandLine:
    command_line.configuration.write_text(CONFIGURATION)
    return command_line


def test_many_jobs_are_submitted_run_and_paid(priced: CommandLine) -> None:
    """Every amount is exact, to the millionth, in text and in JSON."""
    submitted = priced(
        "submit", "--count", "3", "--timeout", "9", "--host", "lab", "--label", "team=a", "i", "--", "true"
    )
    assert (submitted.code, len(submitted.stdout.split())) == (0, 3)
    again = [
        priced("submit", "--count", "2", "--batch", "b", "--timeout", "9", "--host", "rack", "i", "--", "true")
        for _ in "12"
    ]
    assert [len(result.stdout.split()) for result in again] == [2, 0]
    assert priced("worker", "--drain").code == 0
    assert priced("costs", "--json").json == [
        {"host": "lab", "jobs": 3, "attempts": 3, "cost": "0.75"},
        {"host": "rack", "jobs": 2, "attempts": 2, "cost": "0.000004"},
    ]
    table = [line.split() for line in priced("costs", "--by", "label:team", "--by", "executor").stdout.splitlines()]
    assert table == [
        ["LABEL:TEAM", "EXECUTOR", "JOBS", "ATTEMPTS", "COST"],
        ["-", "process", "2", "2", "0.000004"],
        ["a", "process", "3", "3", "0.75"],
        ["total", "5", "0.750004"],
    ]
    assert priced("costs", "--month", "1999-12").stdout == "no costs; hosts have no price, or nothing was run then\n"
    shown = priced("show", submitted.stdout.split()[0]).stdout
    assert "cost" in shown
    assert "0.25" in shown


def test_budgets_tell_what_is_left_of_each_and_when_it_begins_anew(priced: CommandLine) -> None:
    assert priced("budgets").stdout == "no budgets; add [[budgets]] tables to container-manager.toml\n"
    assert priced("budgets", "--json").json == []
    budgets = '[[budgets]]\ncap = 0.7\nhost = "lab"\n[[budgets]]\ncap = 2\nperiod = "total"\nuser = "*"\n'
    priced.configuration.write_text(CONFIGURATION + budgets)
    assert priced("submit", "--count", "3", "--timeout", "9", "--host", "lab", "i", "--", "true").code == 0
    assert priced("worker", "--once").code == 0
    today = datetime.now(UTC)
    anew = f"{today.year + today.month // 12}-{today.month % 12 + 1:02}-01"
    assert [line.split() for line in priced("budgets").stdout.splitlines()] == [
        ["PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "BEGINS", "ANEW", "FOR"],
        ["month", "0.70", "0.50", "0.00", "0.20", anew, "host", "lab"],
        ["total", "2.00", "0.50", "0.00", "1.50", "never", "no", "user"],
    ]
    assert priced("budgets", "--json").json == [
        {
            "period": "month",
            "scope": {"host": "lab"},
            "cap": "0.70",
            "warn_at": 0.8,
            "spent": "0.50",
            "reserved": "0.00",
            "left": "0.20",
            "renews_at": f"{anew}T00:00:00Z",
        },
        {
            "period": "total",
            "scope": {"user": None},
            "cap": "2.00",
            "warn_at": 0.8,
            "spent": "0.50",
            "reserved": "0.00",
            "left": "1.50",
            "renews_at": None,
        },
    ]


def test_jobs_come_from_a_file_and_a_mistake_in_it_stores_nothing(priced: CommandLine, tmp_path: Path) -> None:
    lines = [
        {
            "image": "i",
            "command": "echo hello",
            "timeout_seconds": 5,
            "host": "lab",
            "name": "first",
            "created_by": "ann",
        },
        {"image": "i", "command": ["true"], "timeout_seconds": 5, "resources": {"memory_mib": 64}, "priority": 9},
    ]
    file = tmp_path / "jobs.jsonl"
    file.write_text("\n".join([json.dumps(lines[0]), "", json.dumps(lines[1])]))
    jobs = priced("submit", "--file", str(file), "--json").json
    assert [(job["name"], job["host"], job["created_by"], job["priority"]) for job in jobs] == [
        ("first", "lab", "ann", 50),
        ("", None, None, 9),
    ]
    assert jobs[1]["resources"]["memory_mib"] == 64
    for line, sentence in (
        ("{", "line 4: this is no JSON"),
        ("5", "line 4: this is no object"),
        ('{"image": "i", "imaeg": 1}', "line 4: imaeg: the key 'imaeg' is unknown; known are: image"),
        ('{"command": "true"}', "line 4: image: this key is missing"),
        ('{"image": "i", "mounts": [{"target": 5}]}', "line 4: mounts.target: 5 is no usable text"),
        ('{"image": "i", "resources": {"memory": 5}}', "line 4: resources.memory: the key 'memory' is unknown"),
        ('{"image": "i", "scheduled_at": "soon"}', "line 4: scheduled_at: 'soon' is no time"),
    ):
        file.write_text("\n".join([json.dumps(lines[0]), "", json.dumps(lines[1]), line]))
        refused = priced("submit", "--file", str(file))
        assert refused.code == 2
        assert sentence in refused.stderr
    assert len(priced.jobs()) == 2


def test_what_matches_is_moved_cancelled_and_restarted(priced: CommandLine) -> None:
    priced("submit", "--count", "4", "--timeout", "9", "--host", "lab", "--label", "team=a", "i", "--", "true")
    (other,) = priced("submit", "--timeout", "9", "--host", "lab", "i", "--", "true").stdout.split()
    assert priced("move", "--label", "team=a", "--to", "rack").stdout == "moved: 4\n"
    assert sorted(job["host"] for job in priced.jobs()) == ["lab", "rack", "rack", "rack", "rack"]
    assert priced("move", other[:8], "--to", "rack").stdout == f"{other} pending\n"
    assert priced("cancel", "--host", "rack").stdout == "to be stopped: 5\n"
    assert {job["status"] for job in priced.jobs()} == {"cancelled"}
    assert priced("restart", "--status", "cancelled", "--json").json["left"] == []
    assert {job["status"] for job in priced.jobs()} == {"pending"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cancel",), "ID...: no jobs are named; give ids, or filters such as --status, --host or --all"),
        (("cancel", "abcd", "--all"), "ID...: jobs are named and described at once"),
        (("move", "--all", "--to", "nowhere"), "--to: no host is called 'nowhere'; known are: lab, rack"),
        (("restart", "--status", "odd"), "--status: 'odd' is no status"),
        (("submit", "--count", "0", "i"), "--count: 0 is out of range"),
        (
            ("submit", "--count", "51", "--timeout", "1", "i"),
            "51 jobs are more than the 50 that one operation",
        ),
        (("submit", "--batch", "x", "i"), "--batch: it is for many jobs"),
        (("submit", "--file", "none.jsonl"), "--file: 'none.jsonl' cannot be read"),
        (("submit", "--file", "x", "image"), "--file: it says what to run"),
        (("submit",), "IMAGE: it is missing"),
        (("submit", "i"), "--timeout: no limit is more than the 60 seconds that are allowed; set at most 60"),
        (("submit", "i"), "(policy.max_timeout_seconds)"),
        (("submit", "--max-cost", "much", "i"), "--max-cost: 'much' is no amount of money"),
        (("costs", "--by", "colour"), "--by: 'colour' is nothing to sum up by; use host, executor, user"),
        (("costs", "--month", "May"), "--month: 'May' is no month; write YYYY-MM"),
        (("costs", "--since", "then"), "--since: 'then' is no date"),
        (("costs", "--month", "2030-01", "--since", "2030-01-01"), "--month: it excludes --since and --until"),
        (("keys", "lose"), "ACTION: 'lose' is nothing that keys can do"),
    ],
)
def test_a_mistake_says_what_to_do_and_changes_nothing(
    priced: CommandLine, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = priced(*arguments)
    assert refused.code == 2
    assert sentence in refused.stderr
    assert priced.jobs() == []


def test_keys_are_rotated_and_old_ones_forgotten(priced: CommandLine, tmp_path: Path) -> None:
    """What was sealed before is opened after, also when the old key is gone."""
    command = ("--host", "lab", "--timeout", "20", "i", "--", "sh", "-c", 'test "$TOKEN" = hunter2')
    (first,) = priced("submit", "--secret", "TOKEN=hunter2", *command).stdout.split()
    old = (tmp_path / "key").read_text()
    assert "sealed anew: the secrets of 1 jobs" in priced("keys", "rotate").stdout
    assert (tmp_path / "key").read_text().split()[1] == old
    assert priced("keys", "forget").stdout == "sealed anew: the secrets of 0 jobs\nforgotten: 1 keys\n"
    assert old not in (tmp_path / "key").read_text()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    priced("worker", "--drain")
    assert [(job["id"], job["exit_code"]) for job in priced.jobs()] == [(first, 0)]
