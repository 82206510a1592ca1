"""When others are told of what was recorded."""

import threading
import time
from collections.abc import Callable, Sequence

from container_manager_core.job import JobStatus
from container_manager_core.store.protocol import Record

NOTICE_SECONDS = 0.02


class Notices:
    """Lets a worker's places that become free be told of together.

    PostgreSQL lets no two transactions commit at once that tell of anything, and every process looks that hears of it.
    What is put off is told with a later record, or soon after that by who looks for changes.

    Args:
        patient: whether somebody in this process looks for changes all the time.
        monotonic: the time in seconds.
    """

    def __init__(self, patient: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._patient = patient
        self._monotonic = monotonic
        self._owed = False
        self._next_at = 0.0
        self._lock = threading.Lock()

    def take(self, records: Sequence[Record] = ()) -> bool:
        """Whether the caller is to tell now, of these records and of what was put off: it does, or has to `owe` it."""
        urgent = any(record.job.status is JobStatus.PENDING for record in records)
        with self._lock:
            owed = self._owed or urgent or any(record.release for record in records)
            now = self._monotonic() - (0 if records else NOTICE_SECONDS)
            due = owed and (urgent or now >= self._next_at or not self._patient())
            if due:
                self._next_at = now + NOTICE_SECONDS
            self._owed = owed and not due
            return due

    def owe(self) -> None:
        """What was to be told has not been."""
        with self._lock:
            self._owed = True

    @property
    def glance_seconds(self) -> float:
        """How soon to look for changes again: at once where something is to be told then."""
        return NOTICE_SECONDS if self._owed else float("inf")
