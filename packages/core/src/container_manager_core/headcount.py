"""How many jobs are on each host: asked of the store only where that may matter."""

from container_manager_core.clock import Clock
from container_manager_core.routing import Router
from container_manager_core.store.protocol import JobStore


class Headcount:
    """Keeps a router's picture of the hosts fresh enough.

    A picture that is too bright costs a little time: a place that others have taken is refused when the decision is
    stored, and the count is asked for anew. One that is too dark would leave free places empty: as soon as a host
    seems to be full, every look counts.

    Args:
        store: counts.
        router: is told.
        clock: where the time comes from.
        seconds: how long a count is good for, while no host seems to be full.
    """

    def __init__(self, store: JobStore, router: Router, clock: Clock, seconds: float) -> None:
        self._store = store
        self._router = router
        self._clock = clock
        self._seconds = seconds
        self._good_until = float("-inf")

    def look(self, wanted: int, only_hosts: frozenset[str] | None) -> None:
        """Count, unless all hosts are known to have places and there are as many of them as are wanted."""
        is_plain = self._clock.monotonic() < self._good_until and not self._router.closed_hosts()
        if is_plain and self._router.free_places(only_hosts) >= wanted:
            self._router.hosts_changed()
        else:
            self.count()

    def count(self) -> None:
        """Count."""
        self._router.refresh(self._store.live_by_host())
        self._good_until = self._clock.monotonic() + self._seconds

    def doubt(self) -> None:
        """The latest count was wrong."""
        self._good_until = float("-inf")
