"""A worker's claim on jobs: it holds as long as the heartbeats arrive."""

import threading
from uuid import UUID

from container_manager_core.clock import Clock
from container_manager_core.errors import LeaseLost, StoreUnavailable
from container_manager_core.log import get_logger
from container_manager_core.store.protocol import JobStore

_log = get_logger()

SAFETY_SHARE = 0.2


class Lease:
    """Keeps one worker's row in the store fresh, and knows how long that is still good for.

    Args:
        store: judges leases by its own clock.
        worker: the worker's id.
        seconds: how long a lease holds after a heartbeat.
        clock: measures what is left, from before each heartbeat was sent.
    """

    def __init__(self, store: JobStore, worker: str, seconds: float, clock: Clock) -> None:
        self.worker = worker
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._good_until = float("-inf")
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def renew(self) -> None:
        """Send one heartbeat. Raises `StoreUnavailable`."""
        sent = self._clock.monotonic()
        self._store.heartbeat(self.worker, self._seconds)
        self._good_until = sent + self._seconds

    def renew_if_due(self) -> None:
        """Send a heartbeat if the last one is older than a third of a lease. Raises `StoreUnavailable`."""
        if self._clock.monotonic() > self._good_until - self._seconds * 2 / 3:
            self.renew()

    def start(self) -> None:
        """Send heartbeats from a thread of their own, three for each lease."""
        self._thread = threading.Thread(target=self._beat, name="container-manager heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the heartbeats; from now on `confirm` raises."""
        self._stopped.set()
        self._good_until = float("-inf")
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def confirm(self, job_id: UUID) -> float:
        """Make sure that the lease still holds for a while.

        Returns:
            The seconds that are left of it: what is started now must have been answered by then.

        Raises:
            LeaseLost: less than a fifth of it is left, so that another worker may take over.
        """
        left = self._good_until - self._clock.monotonic()
        if left < self._seconds * SAFETY_SHARE:
            raise LeaseLost(job_id, self.worker)
        return left

    def _beat(self) -> None:
        while not self._stopped.wait(self._seconds / 3):
            try:
                self.renew()
            except StoreUnavailable as error:
                _log.warning("worker.heartbeat_failed", worker=self.worker, error=str(error))
            if self._stopped.is_set():
                self._good_until = float("-inf")
