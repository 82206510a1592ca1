"""`run` on a real Docker engine."""

import signal
from pathlib import Path

import pytest
from cli.conftest import CommandLine

from support.engine import Engine
from support.registry import Registry


def test_each_stream_on_its_own_as_it_comes(on_engine: CommandLine, engine: Engine, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    script = "echo out; echo err >&2; while [ ! -e /shared/go-on ]; do sleep 0.05; done; exit 3"
    running = on_engine.start("run", "-v", f"{shared}:/shared:ro", engine.image, "--", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline() == b"out\n"
    assert running.stderr.readline() == b"err\n"
    assert running.poll() is None
    (shared / "go-on").touch()
    assert running.communicate(timeout=60) == (b"", b"")
    assert running.returncode == 3


def test_a_timeout_ends_124_long_before_the_command_would(on_engine: CommandLine, engine: Engine) -> None:
    result = on_engine("run", "--timeout", "2", "--grace", "1", engine.image, "--", "sleep", "3600")
    assert result.code == 124
    assert "timed out" in result.stderr


def test_over_memory_ends_137(on_engine: CommandLine, engine: Engine) -> None:
    script = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    result = on_engine("run", "--memory", "64", engine.image, "--", "sh", "-c", script)
    assert result.code == 137
    assert "out of memory" in result.stderr


def test_an_interrupt_cancels_and_leaves_nothing(on_engine: CommandLine, engine: Engine) -> None:
    running = on_engine.start("run", "--grace", "1", engine.image, "--", "sh", "-c", "echo started; sleep 60")
    assert running.stdout is not None
    assert running.stdout.readline() == b"started\n"
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    (job,) = on_engine.jobs()
    assert job["status"] == "cancelled"


@pytest.mark.parametrize("retries", ["0", "3"])
def test_a_missing_image_ends_125_without_retries(on_engine: CommandLine, registry: Registry, retries: str) -> None:
    image = f"{registry.address}/no/such-image:1"
    result = on_engine("run", "--retries", retries, image, "--", "true")
    assert result.code == 125
    assert image in result.stderr
    assert "its image cannot be used" in result.stderr
    (job,) = on_engine.jobs()
    assert (job["attempt"], job["failure"]["kind"]) == (1, "image")
    assert job["failure"]["hint"] in result.stderr


def test_a_missing_command_is_told_apart_from_a_shells_127(on_engine: CommandLine, engine: Engine) -> None:
    missing = on_engine("run", engine.image, "--", "no-such-command")
    assert missing.code == 125
    assert "no-such-command" in missing.stderr
    shell = on_engine("run", engine.image, "--", "sh", "-c", "no-such-command")
    assert shell.code == 127
    kinds = {job["exit_code"]: job["failure"]["kind"] for job in on_engine.jobs()}
    assert kinds[127] == "exit"
    assert set(kinds.values()) == {"exit", "spec"}


def test_an_engine_that_does_not_answer_ends_125(command_line: CommandLine) -> None:
    socket = command_line.folder / "no.sock"
    command_line.configuration.write_text(
        'store = "sqlite:///jobs.sqlite3"\n[hosts.dead]\nexecutor = "docker"\n'
        f'config = {{ base_url = "unix://{socket}" }}\n'
    )
    result = command_line("run", "alpine", "--", "true")
    assert result.code == 125
    assert str(socket) in result.stderr
    assert result.stderr.count("container-manager: error: ") == 1
    (job,) = command_line.jobs()
    assert "systemctl start docker" in result.stderr
    assert (job["status"], job["failure"]["kind"]) == ("failed", "platform")


def test_options_of_docker_run(on_engine: CommandLine, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("content\n")
    script = (
        "cat /data/file; pwd; id -u; hostname; touch /memory/x && echo tmpfs; "
        "touch /x 2>/dev/null || echo read-only; touch /data/x 2>/dev/null || echo ro"
    )
    result = on_engine(
        "run", "--entrypoint", "sh -c", "-w", "/data", "-u", "1000", "--hostname", "box", "-v", "./data:/data:ro",
        "--tmpfs", "/memory:size=1m", "--read-only", "--init", "--pids", "50", "--cpus", "0.5",
        "--cap-drop", "ALL", "--pull", "never", "-l", "team=blue", engine.image, "--", script,
    )  # fmt: skip
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["content", "/data", "1000", "box", "tmpfs", "read-only", "ro"]


def test_a_kept_container_stays_until_it_is_reaped(on_engine: CommandLine, engine: Engine) -> None:
    assert on_engine("run", "--keep", engine.image, "--", "true").code == 0
    (job,) = on_engine.jobs()
    (finding,) = on_engine("reap", "--dry-run", "--json").json
    assert (finding["kind"], finding["name"]) == ("leftover", f"cm-{job['id']}-1")
    assert on_engine("reap").code == 0
    assert on_engine("reap", "--json").json == []
