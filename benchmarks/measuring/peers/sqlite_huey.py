"""huey with its SQLite storage."""

import threading
from pathlib import Path

from huey import SqliteHuey
from huey.consumer import Worker


class Huey:
    """Its consumer's worker, pass after pass, on a file that is synced at each commit. It has no batches of tasks.

    A task is deleted when it is fetched, and is lost with a worker that dies. Stored is its result alone; the task
    returns one, because huey stores nothing of a task that returns None.

    Args:
        path: its file.
    """

    name = "huey"

    def __init__(self, path: Path) -> None:
        self._huey = SqliteHuey("benchmark", filename=str(path), fsync=True)
        self._worker = Worker(self._huey, threading.Event(), default_delay=0.1, max_delay=10.0, backoff=1.15)

        @self._huey.task()
        def nothing() -> bool:
            return True

        self._task = nothing

    def add(self, number: int) -> None:
        for _ in range(number):
            self._task()

    def work_off(self) -> None:
        for _ in range(self._huey.storage.queue_size()):
            self._worker.loop()

    def finished(self) -> int:
        found: int = self._huey.storage.result_store_size()
        return found

    def close(self) -> None:
        """Close its file."""
        self._huey.storage.close()
