"""Worker processes that can be killed, as a person or a machine kills them."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class Workers:
    """``container-manager worker`` processes on one configuration; ended with the block.

    Args:
        configuration: the file they read.
        log: where they write what they tell.
    """

    def __init__(self, configuration: Path, log: Path) -> None:
        self._configuration = configuration
        self._log = log.open("ab")
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """One more worker."""
        started = subprocess.Popen(
            [sys.executable, "-m", "container_manager_core", "worker", *options],
            env={**os.environ, "CONTAINER_MANAGER_CONFIG": str(self._configuration)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self.running.append(started)
        return started

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill it as nothing can be caught: SIGKILL."""
        worker.kill()
        worker.wait()
        self.running.remove(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in list(self.running):
            self.kill(worker)
        self._log.close()
