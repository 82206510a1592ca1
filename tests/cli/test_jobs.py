"""`list`, `show`, `logs`, `cancel`, `restart`, and a worker that runs what was submitted."""

import re

from cli.conftest import HERE, CommandLine

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_an_empty_list_says_what_to_do(command_line: CommandLine) -> None:
    assert command_line("list").stdout.startswith("no jobs; run one: container-manager run")
    assert command_line("list", "--status", "failed").stdout == "no jobs; leave out a filter\n"
    assert command_line("list", "--json").json == []


def test_the_table_fits_80_columns(command_line: CommandLine) -> None:
    long = "registry.example/a/very/long/name/of/an/image:1.2.3"
    command_line("submit", "--name", "n" * 90, "--host", "here", long, "--", "true")
    command_line("submit", "image", "--", "sh", "-c", "echo " + "y" * 200)
    lines = command_line("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATUS", "EXIT", "AGE", "HOST", "IMAGE", "NAME", "OR", "COMMAND"]
    assert all(len(line) <= 80 for line in lines)
    assert all("· pending" in line for line in lines[1:])
    assert len(lines) == 3


def test_show_says_why_and_what_to_do(command_line: CommandLine) -> None:
    command_line("run", *HERE, "--timeout", "1", "--grace", "1", "image", "--", "sleep", "30")
    (job,) = command_line.jobs()
    page = command_line("show", job["id"][:8]).stdout
    for words in (job["id"], "timeout", "longer than its limit", job["failure"]["hint"], "sleep 30", "here"):
        assert words in " ".join(page.split())
    assert job["route_reason"] in page


def test_json_has_the_values_own_field_names(command_line: CommandLine) -> None:
    command_line("run", *HERE, "image", "--", "false")
    (job,) = command_line.jobs()
    assert {"id", "name", "status", "exit_code", "image", "command", "host", "executor", "attempt"} <= job.keys()
    assert {"failure", "waiting", "route_reason", "labels", "usage"} <= job.keys()
    assert set(job["failure"]) == {"kind", "message", "retryable", "hint"}
    assert all(TIME.fullmatch(job[name]) for name in ("created_at", "started_at", "finished_at"))
    shown = command_line("show", job["id"], "--json").json
    assert [attempt["exit_code"] for attempt in shown.pop("attempts")] == [1]
    assert shown == job


def test_logs_keep_the_streams_apart(command_line: CommandLine) -> None:
    command_line("run", *HERE, "image", "--", "sh", "-c", "echo out; echo err >&2")
    (job,) = command_line.jobs()
    whole = command_line("logs", job["id"])
    assert (whole.stdout, whole.stderr) == ("out\n", "err\n")
    one = command_line("logs", job["id"], "--stream", "stderr")
    assert (one.stdout, one.stderr) == ("err\n", "")
    followed = command_line("logs", "--follow", job["id"])
    assert (followed.stdout, followed.stderr) == ("out\n", "err\n")


def test_logs_follow_until_the_job_has_ended(command_line: CommandLine) -> None:
    go_on = command_line.folder / "go-on"
    script = f"echo first; while [ ! -e {go_on} ]; do sleep 0.05; done; echo second"
    job_id = command_line("submit", *HERE, "image", "--", "sh", "-c", script).stdout.strip()
    following = command_line.start("logs", "-f", job_id)
    working = command_line.start("worker", "--drain")
    assert following.stdout is not None
    assert following.stdout.readline() == b"first\n"
    assert following.poll() is None
    go_on.touch()
    assert following.communicate(timeout=60)[0] == b"second\n"
    assert following.returncode == 0
    working.communicate(timeout=60)
    assert working.returncode == 0


def test_cancel_before_a_worker_came(command_line: CommandLine) -> None:
    job_id = command_line("submit", "image", "--", "true").stdout.strip()
    assert command_line("cancel", job_id).stdout == f"{job_id} cancelled\n"
    assert command_line.jobs()[0]["status"] == "cancelled"


def test_restart_runs_a_job_again(command_line: CommandLine) -> None:
    command_line("run", *HERE, "image", "--", "echo", "again")
    (job,) = command_line.jobs()
    assert command_line("restart", job["id"]).stdout == f"{job['id']} pending\n"
    assert command_line("worker", "--drain").code == 0
    (job,) = command_line.jobs()
    assert (job["status"], job["attempt"]) == ("completed", 2)


def test_filters(command_line: CommandLine) -> None:
    command_line("submit", "--name", "one", "--label", "team=blue", "image", "--", "true")
    command_line("submit", "--name", "two", "--host", "here", "image", "--", "true")

    def names(*filters: str) -> list[str]:
        return [job["name"] for job in command_line("list", "--json", *filters).json]

    assert names() == ["two", "one"]
    assert names("--limit", "1") == ["two"]
    assert names("--name", "one") == ["one"]
    assert names("--label", "team=blue") == ["one"]
    assert names("--host", "here") == ["two"]
    assert names("--status", "pending", "--status", "failed") == ["two", "one"]
    assert names("--status", "failed") == []
