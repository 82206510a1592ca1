"""The command line as a person has it: a process of its own, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from support.engine import Engine

PROGRAM = (sys.executable, "-m", "container_manager_core")
HERE = ("--host", "here")
"""Where the `process` host has to be asked for: routing never chooses it by itself."""


@attrs.frozen(kw_only=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def _heed_hangups() -> None:
    """As in a terminal, also where the tests themselves run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class CommandLine:
    """Runs commands with one configuration file."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.configuration = folder / "container-manager.toml"
        self.configuration.write_text(configuration)
        self.environment: Mapping[str, str] = {
            # What a developer's shell says to Python, such as not to buffer, would hide mistakes.
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CONTAINER_MANAGER_") and name not in ("PYTHONUNBUFFERED", "PYTHONWARNINGS")
        } | {"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "settings"), "COLUMNS": "80"}

    def __call__(self, *arguments: str, seconds: float = 90, **changes: str) -> Result:
        ended = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env={**self.environment, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
        )
        return Result(code=ended.returncode, stdout=ended.stdout.decode(), stderr=ended.stderr.decode())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The command, running; its caller waits for it."""
        started = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_heed_hangups,
        )
        self._started.append(started)
        return started

    def close(self) -> None:
        """End what is still running."""
        for started in self._started:
            with started:
                started.kill()

    def jobs(self) -> list[dict[str, Any]]:
        """What `list` knows; nothing where no store was made yet."""
        if not (self.folder / "jobs.sqlite3").exists():
            return []
        listed: list[dict[str, Any]] = self("list", "--json").json
        return listed


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """The program with one `process` host, which needs no engine."""
    prepared = CommandLine(
        tmp_path,
        'store = "sqlite:///jobs.sqlite3"\nkey_file = "key"\n\n[worker]\npoll_interval_seconds = 0.5\n\n'
        '[hosts.here]\nexecutor = "process"\n',
    )
    with closing(prepared):
        yield prepared


@pytest.fixture
def on_engine(tmp_path: Path, engine: Engine) -> Iterator[CommandLine]:
    """The program with one `docker` host; afterwards none of its containers may be left."""
    prepared = CommandLine(
        tmp_path,
        'store = "sqlite:///jobs.sqlite3"\nkey_file = "key"\n\n[worker]\npoll_interval_seconds = 0.5\n\n'
        f'[hosts.engine]\nexecutor = "docker"\nconfig = {{ base_url = "{engine.base_url}" }}\n',
    )
    with closing(prepared):
        yield prepared
    ours = [job["id"] for job in prepared.jobs()]
    with closing(engine.client()) as client:
        names = [container.name for container in client.containers.list(all=True)]
    assert [name for name in names if any(job_id in name for job_id in ours)] == []
