"""A worker that works beside its caller, in a thread of the same process."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from container_manager_core.worker import Worker

STOP_SECONDS = 5.0


class BackgroundWorker:
    """Runs a worker while the block runs, and stops it with the block.

    Args:
        worker: ready to run.
    """

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"container-manager worker {worker.id}", daemon=True)

    def check(self) -> None:
        """Raise what ended the worker, if anything did: nobody shall wait for one that is gone."""
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.stop()
        self._thread.join(timeout=STOP_SECONDS)

    def _run(self) -> None:
        try:
            self._worker.run()
        except BaseException as error:  # carried over to the caller's thread by `check`
            self._error = error
