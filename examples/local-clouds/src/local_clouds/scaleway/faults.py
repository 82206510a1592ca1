"""What goes wrong in the local cloud, on request."""

import random
import threading
import time
from collections import Counter

from local_clouds.scaleway.refusal import Refused


class Lost(Exception):
    """The call was done, and its answer is lost with the connection."""


class Garbled(Exception):
    """The call was done, and something in between answers with a page of its own."""


class Faults:
    """Faults that a test, or the command line, asks for. Safe for several threads.

    Operations are called as in the API: ``CreateJobDefinition``, ``StartJobDefinition``, ``GetJobRun``,
    ``ListJobRuns``, ``StopJobRun``, ``QueryLogs`` and so on; ``*`` is any.

    Attributes:
        throttled: share of all calls, 0 to 1, that are answered 429, undone.
        lost: share of the starts that are done and answered 500, or not at all.
        out_of_stock: share of the starts that are answered "no room"; half of them are done all the same.
        hide_seconds: how long a new run is in no list, and not found.
        late_seconds: by how much a line of a log may be late; each by another amount, so that they come out of order.
        least_late_seconds: by how much each line is late at least.

    Args:
        seed: of all that is left to chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self.throttled = 0.0
        self.lost = 0.0
        self.out_of_stock = 0.0
        self.hide_seconds = 0.0
        self.late_seconds = 0.0
        self.least_late_seconds = 0.0
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._refusals: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._garbled: Counter[str] = Counter()
        self._no_room: Counter[bool] = Counter()

    def refuse(self, operation: str, times: int) -> None:
        """Answer the next calls of an operation with 429."""
        with self._lock:
            self._refusals[operation] += times

    def lose_answer(self, operation: str) -> None:
        """Do the next call of an operation, and lose the answer."""
        with self._lock:
            self._losses[operation] += 1

    def garble_answer(self, operation: str) -> None:
        """Do the next call of an operation, and answer with a page."""
        with self._lock:
            self._garbled[operation] += 1

    def refuse_with_no_room(self, *, started: bool) -> None:
        """Answer the next start with "no room", done all the same or not."""
        with self._lock:
            self._no_room[started] += 1

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._refusals.clear()
            self._losses.clear()
            self._garbled.clear()
            self._no_room.clear()
        self.throttled = self.lost = self.out_of_stock = 0.0
        self.hide_seconds = self.late_seconds = self.least_late_seconds = 0.0

    def before(self, operation: str) -> None:
        """Raise what the call is answered with instead of being done."""
        if self._take(self._refusals, operation) or self._happens(self.throttled):
            raise Refused(429, "too_many_requests", "too many requests, slow down")
        if operation == "StartJobDefinition" and self._has_no_room(started=False):
            raise _no_room()

    def after(self, operation: str) -> None:
        """Raise what a call is answered with although it was done."""
        if self._take(self._losses, operation):
            raise Lost
        if self._take(self._garbled, operation):
            raise Garbled
        if operation != "StartJobDefinition":
            return
        if self._has_no_room(started=True):
            raise _no_room()
        if self._happens(self.lost):
            if self._happens(0.5):
                raise Lost
            raise Refused(500, "internal_error", "internal server error")

    def log_delay(self) -> float:
        """By how many seconds the next line of a log is late."""
        with self._lock:
            return self.least_late_seconds + self._chance.random() * self.late_seconds

    def hides(self, created: float) -> bool:
        """Whether a run of that age (its monotonic time of creation) cannot be seen yet."""
        return time.monotonic() - created < self.hide_seconds

    def _has_no_room(self, *, started: bool) -> bool:
        with self._lock:
            if self._no_room[started] > 0:
                self._no_room[started] -= 1
                return True
        return self._happens(self.out_of_stock / 2)

    def _happens(self, share: float) -> bool:
        with self._lock:
            return share > 0 and self._chance.random() < share

    def _take(self, wanted: Counter[str], operation: str) -> bool:
        with self._lock:
            for name in (operation, "*"):
                if wanted[name] > 0:
                    wanted[name] -= 1
                    return True
        return False


def _no_room() -> Refused:
    return Refused(503, "out_of_stock", "resource is out of stock", resource="serverless_job")
