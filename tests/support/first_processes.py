"""Which containers of this machine run, seen from its processes: also while their engine is down."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_SAMPLE_SECONDS = 0.1
_JOB = b"CONTAINER_MANAGER_JOB_ID="


class FirstProcesses:
    """Looks ten times a second at the first process of every container, while the block runs.

    Attributes:
        doubles: the ids of jobs of which two containers ran at once.
        samples: how often it looked.
    """

    def __init__(self) -> None:
        self.doubles: set[str] = set()
        self.samples = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            seen: dict[str, str] = {}
            for process in Path("/proc").glob("[0-9]*"):
                job_id, namespace = _job_of(process)
                if job_id and seen.setdefault(job_id, namespace) != namespace:
                    self.doubles.add(job_id)
            self.samples += 1


def _job_of(process: Path) -> tuple[str, str]:
    """The job whose container a process runs in, and the container's own namespace of processes."""
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
        job_ids = [variable.removeprefix(_JOB).decode() for variable in variables if variable.startswith(_JOB)]
        return (job_ids[0], str((process / "ns/pid").readlink())) if job_ids else ("", "")
    except OSError:
        return "", ""  # it has just ended
