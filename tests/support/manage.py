"""A Django project of a test's own, worked on as people do: by its ``manage.py``, in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

VARIABLE = "CONTAINER_MANAGER_TEST_DATABASE_URL"
_TESTS = Path(__file__).parents[1]


class DjangoProject:
    """The tests' project on a database of its own; what it started ends with the block.

    Args:
        folder: for its settings and for what its processes tell; an empty one.
        url: its database.
        settings: Python lines that come after the tests' project's own settings.
    """

    def __init__(self, folder: Path, url: str, settings: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "own_settings.py").write_text(f"from project.settings import *\n{settings}\n")
        self.folder = folder
        self.url = url
        self.running: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes find around them."""
        path = [str(self.folder), str(_TESTS / "django"), str(_TESTS), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "DJANGO_SETTINGS_MODULE": "own_settings",
            VARIABLE: self.url,
            "PYTHONWARNINGS": "error",
        }

    def manage(self, *words: str, code: int | None = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
        """What a command printed, once it has ended as expected; any code is right where it is None."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *words],
            env=self.environment,
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert code in (None, done.returncode), f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def python(self, code: str) -> str:
        """What Python code prints that runs in the project."""
        return self.manage("shell", "--verbosity", "0", "--command", code).stdout

    def start(self, *words: str, log: str = "processes.log") -> subprocess.Popen[bytes]:
        """A command that goes on beside the test, ``process_container_jobs`` for one."""
        with (self.folder / log).open("ab") as told:
            started = subprocess.Popen(
                [sys.executable, "-m", "django", *words],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )
        self.running.append(started)
        return started

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it as nothing can be caught: SIGKILL."""
        process.kill()
        process.wait()
        self.running.remove(process)

    def told(self, log: str = "processes.log") -> str:
        """What its processes wrote."""
        path = self.folder / log
        return path.read_text() if path.exists() else ""

    def wait_until_told(self, text: str, seconds: float = 60, log: str = "processes.log") -> None:
        """Return once one of its processes wrote a text."""
        deadline = time.monotonic() + seconds
        while text not in self.told(log):
            assert time.monotonic() < deadline, f"{text!r} is not in {self.told(log)}"
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in list(self.running):
            self.kill(process)
