"""`worker`: its modes and what signals do."""

import json
import signal
import time
from pathlib import Path

from cli.conftest import HERE, CommandLine

from support.engine import Engine


def submit_waiting_for(command_line: CommandLine, file: Path) -> str:
    """A job that goes on until there is a file."""
    script = f"echo started; until test -e '{file}'; do sleep 0.1; done; echo ended"
    return command_line("submit", *HERE, "image", "--", "sh", "-c", script).stdout.strip()


def wait_until_running(command_line: CommandLine) -> None:
    deadline = time.monotonic() + 60
    while command_line.jobs()[0]["status"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_drain_runs_everything_and_ends(on_engine: CommandLine, engine: Engine) -> None:
    for number in range(6):
        on_engine("submit", "--name", f"job {number}", engine.image, "--", "sh", "-c", f"exit {number % 2}")
    assert on_engine("worker", "--drain", "--max-jobs", "3").code == 0
    ends = {job["name"]: (job["status"], job["exit_code"]) for job in on_engine.jobs()}
    assert ends == {f"job {n}": ("failed", 1) if n % 2 else ("completed", 0) for n in range(6)}


def test_once_ends_when_there_is_nothing(command_line: CommandLine) -> None:
    assert command_line("worker", "--once", "--log-level", "error").code == 0


def test_a_first_signal_lets_go_and_the_next_worker_adopts(command_line: CommandLine, tmp_path: Path) -> None:
    job_id = submit_waiting_for(command_line, tmp_path / "go on")
    first = command_line.start("worker")
    wait_until_running(command_line)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 0
    (job,) = command_line.jobs()
    assert job["status"] == "running"
    (tmp_path / "go on").touch()
    assert command_line("worker", "--drain").code == 0
    (job,) = command_line.jobs()
    assert (job["status"], job["attempt"]) == ("completed", 1)
    assert command_line("logs", job_id).stdout == "started\nended\n"


def test_a_second_signal_ends_at_once(command_line: CommandLine) -> None:
    working = command_line.start("worker", "--log-level", "info")
    while b"worker.started" not in working.stderr.readline():
        assert working.poll() is None
    # Both are there when it goes on, so that the first cannot have ended it before the second comes.
    working.send_signal(signal.SIGSTOP)
    working.send_signal(signal.SIGTERM)
    working.send_signal(signal.SIGINT)
    working.send_signal(signal.SIGCONT)
    _, errors = working.communicate(timeout=10)
    assert working.returncode in (130, 143)
    assert b"container-manager: ended at once by a second signal" in errors


def test_what_a_worker_logs_is_json_where_no_terminal_is(command_line: CommandLine) -> None:
    job_id = command_line("submit", *HERE, "--secret", "TOKEN=hunter2", "image", "--", "true").stdout.strip()
    result = command_line("worker", "--drain", "--log-level", "debug")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert any(event.get("job_id") == job_id for event in events)
    assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
    assert result.stdout == ""
    assert "hunter2" not in result.stderr
