"""The local cloud as a program, and the platform's ways that it keeps."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
from local_clouds.scaleway.expansion import expand

from support.engine import Engine


class Program:
    """``local-scaleway``, started as a person starts it, and a folder with the configuration that it prints."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCW_")},
            "DOCKER_HOST": engine.base_url,
        }
        command = [sys.executable, "-m", "local_clouds.scaleway", "--late-seconds", "0.3"]
        self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if "Stop with" in line:
                break
        text = "".join(lines)
        (folder / "container-manager.toml").write_text(f'store = "sqlite:///jobs.sqlite3"\n{text}')
        keys = re.findall(r"(LOCAL_\w+)=(\S+)", text)
        self._environment |= dict(keys)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "container_manager_core", *arguments]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=quiet, stderr=quiet)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "container_manager_core", *arguments]
        return subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=120
        )


@pytest.fixture
def program(engine: Engine, tmp_path: Path) -> Iterator[Program]:
    started = Program(engine, tmp_path)
    yield started
    started.process.kill()
    started.process.wait()
    assert started.process.stdout is not None
    started.process.stdout.close()


def test_a_cloud_can_be_tried_with_two_commands(engine: Engine, program: Program) -> None:
    """Start the local cloud, and run a job with the configuration that it printed; it stops cleanly."""
    ended = program.run("run", engine.image, "--host", "local-scaleway", "--", "sh", "-c", "echo hello; exit 3")
    assert (ended.returncode, ended.stdout) == (3, "hello\n"), ended.stderr
    checked = program.run("doctor")
    assert "Serverless Jobs of the project" in checked.stdout
    with closing(engine.client()) as client:
        running = program.start("run", engine.image, "--host", "local-scaleway", "--", "sleep", "600")
        deadline = time.monotonic() + 60
        while not (left := _containers(client)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(left) == 1
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(30) == 0
        assert _containers(client) == []
    running.kill()
    running.wait()


def _containers(client: docker.DockerClient) -> list[str]:
    found = client.api.containers(all=True, filters={"label": "local-clouds=scaleway"})
    return [container["Id"] for container in found]


def test_a_missing_engine_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_clouds.scaleway", "--engine", f"unix://{tmp_path}/docker.sock"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "start one, or set DOCKER_HOST" in ended.stderr


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "a"),
        ("$$(A)", "$(A)"),
        ("$(B)", "$(B)"),
        ("$A ${A} $$A $", "$A ${A} $A $"),
        ("$$$(A)", "$a"),
        ("$(unclosed", "$(unclosed"),
    ],
)
def test_arguments_are_expanded_as_kubernetes_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "a"}) == expanded
