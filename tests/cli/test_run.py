"""`run` on processes of this machine: streams, exit codes, signals, pipes."""

import os
import signal
import subprocess
import time

import pytest
from cli.conftest import HERE, PROGRAM, CommandLine


def test_each_stream_on_its_own_and_the_commands_exit_code(command_line: CommandLine) -> None:
    result = command_line("run", *HERE, "image", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    (job,) = command_line.jobs()
    assert (job["status"], job["exit_code"], job["failure"]["kind"]) == ("failed", 3, "exit")


def test_output_is_shown_as_it_comes(command_line: CommandLine) -> None:
    """The command waits for a file that is made only once its first line was seen."""
    go_on = command_line.folder / "go-on"
    script = f"echo first; while [ ! -e {go_on} ]; do sleep 0.05; done; echo second"
    running = command_line.start("run", *HERE, "image", "--", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == b"first\n"
    assert running.poll() is None
    go_on.touch()
    rest, errors = running.communicate(timeout=60)
    assert (rest, errors, running.returncode) == (b"second\n", b"", 0)


def test_bytes_that_are_no_text_come_through(command_line: CommandLine) -> None:
    running = command_line.start("run", *HERE, "image", "--", "printf", r"\000\377\376\n")
    assert running.communicate(timeout=60) == (b"\x00\xff\xfe\n", b"")


def test_options_reach_the_command(command_line: CommandLine) -> None:
    (command_line.folder / "more.env").write_text("FROM_FILE='of the file'\nBOTH=file\n")
    result = command_line(
        "run", *HERE, "--env", "BOTH=option", "--env-file", "more.env", "--secret", "TOKEN=secret://env/OUTSIDE",
        "--name", "greeting", "--label", "team=blue", "--priority", "70", "image",
        "--", "sh", "-c", 'echo "$FROM_FILE,$BOTH,${#TOKEN}"',
        OUTSIDE="four",
    )  # fmt: skip
    assert (result.code, result.stdout) == (0, "of the file,option,4\n")
    (job,) = command_line.jobs()
    assert (job["name"], job["labels"], job["priority"]) == ("greeting", {"team": "blue"}, 70)


def test_a_secret_is_shown_nowhere(command_line: CommandLine) -> None:
    result = command_line("run", *HERE, "--secret", "TOKEN=hunter2", "image", "--", "sh", "-c", "echo =$TOKEN=; exit 1")
    assert result.stdout == "=***=\n"
    (job,) = command_line.jobs()
    assert job["secrets"] == {"TOKEN": "***"}
    shown = [command_line(*words) for words in (("list", "--json"), ("show", job["id"]), ("show", job["id"], "--json"))]
    assert "hunter2" not in "".join(each.stdout + each.stderr for each in shown) + result.stderr
    stored = [path for path in command_line.folder.glob("jobs.sqlite3*") if b"hunter2" in path.read_bytes()]
    assert stored == []


def test_a_timeout_ends_124(command_line: CommandLine) -> None:
    result = command_line("run", *HERE, "--timeout", "1", "--grace", "1", "image", "--", "sleep", "60")
    assert result.code == 124
    assert "timed out" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_cancels_the_job(command_line: CommandLine, number: signal.Signals, code: int) -> None:
    running = command_line.start("run", *HERE, "--grace", "1", "image", "--", "sh", "-c", "echo started; exec sleep 60")
    assert running.stdout is not None
    assert running.stdout.readline() == b"started\n"
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == code
    assert b"Traceback" not in errors
    (job,) = command_line.jobs()
    assert (job["status"], job["failure"]["kind"]) == ("cancelled", "cancelled")


def test_a_reader_that_goes_away_stops_the_job(command_line: CommandLine) -> None:
    """As in any pipe: what nobody reads any more is not gone on with, and nobody gets a traceback."""
    running = command_line.start(
        "run", *HERE, "--grace", "1", "image", "--", "sh", "-c", "while echo y; do sleep 0.1; done"
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"y\n"
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == b""
    assert running.wait(timeout=60) == 141
    (job,) = command_line.jobs()
    assert job["status"] == "cancelled"


@pytest.mark.parametrize("arguments", [["executors"], ["list"], ["list", "--json"], ["hosts"], ["--help"]])
@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_closed_pipe_gives_no_traceback(
    command_line: CommandLine, arguments: list[str], buffering: dict[str, str]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    listing = subprocess.run(
        [*PROGRAM, *arguments],
        stdout=write_end,
        stderr=subprocess.PIPE,
        cwd=command_line.folder,
        timeout=60,
        env={**command_line.environment, **buffering},
    )
    os.close(write_end)
    assert (listing.returncode, listing.stderr) == (141, b"")


def test_json_leaves_stdout_to_the_facts(command_line: CommandLine) -> None:
    result = command_line("run", *HERE, "--json", "image", "--", "echo", "hello")
    assert result.json["status"] == "completed"
    assert result.json["command"] == ["echo", "hello"]
    assert result.stderr == "hello\n"


def test_detach_prints_the_id_and_starts_nothing(command_line: CommandLine) -> None:
    result = command_line("run", *HERE, "--detach", "image", "--", "true")
    (job,) = command_line.jobs()
    assert result.stdout == f"{job['id']}\n"
    assert job["status"] == "pending"


def test_a_retry_gives_the_output_of_each_attempt(command_line: CommandLine) -> None:
    mark = command_line.folder / "mark"
    script = f"echo try; test -e {mark} || {{ touch {mark}; exit 1; }}"
    result = command_line("run", *HERE, "--retries", "1", "image", "--", "sh", "-c", script)
    assert (result.code, result.stdout) == (0, "try\ntry\n")
    (job,) = command_line.jobs()
    assert job["attempt"] == 2
    attempts = command_line("show", job["id"], "--json").json["attempts"]
    assert [(each["status"], each["exit_code"]) for each in attempts] == [("failed", 1), ("completed", 0)]


def test_a_store_that_cannot_be_written_ends_125(command_line: CommandLine) -> None:
    command_line.configuration.write_text(
        'store = "sqlite:////proc/nowhere/jobs.sqlite3"\n[hosts.here]\nexecutor = "process"\n'
    )
    began = time.monotonic()
    result = command_line("run", *HERE, "image", "--", "true")
    assert result.code == 125
    assert "/proc/nowhere/jobs.sqlite3" in result.stderr
    assert "Traceback" not in result.stderr
    assert time.monotonic() - began < 30
