"""What goes wrong on request."""

import random
import threading
from collections import defaultdict, deque
from enum import StrEnum

import attrs


class Fault(StrEnum):
    """How one call goes wrong."""

    THROTTLED = "throttled"
    """Not done; the answer is "Rate exceeded"."""
    ERROR_AFTER = "error-after"
    """Done; the answer is a status of 500."""
    LOST = "lost"
    """Done; the connection is cut in place of an answer."""
    CAPACITY = "capacity"
    """RunTask: not done; the answer is a failure "Capacity is unavailable at this time"."""
    CAPACITY_STARTED = "capacity-started"
    """RunTask: done; the answer is that failure all the same."""


_STARTING = (Fault.CAPACITY, Fault.CAPACITY_STARTED)


@attrs.define(kw_only=True)
class Faults:
    """What goes wrong: by chance, and as planned. May be changed while the cloud runs.

    Attributes:
        seed: of the chances.
        throttled, error_after, lost: shares of all calls, 0 to 1, that meet this `Fault`.
        capacity, capacity_started: shares of the RunTask calls.
        hidden_seconds: how long a new task cannot be seen.
        late_log_seconds: output can be read up to so much later than it was written, each line for itself; so
            later lines can be read before earlier ones, also those of one millisecond.
        least_late_log_seconds: by how much each line is late at least.
        page_size: most entries on a page of any list; None leaves the platform's own.
        expired_tokens: session tokens that are no longer good.
    """

    seed: int = 0
    throttled: float = 0.0
    error_after: float = 0.0
    lost: float = 0.0
    capacity: float = 0.0
    capacity_started: float = 0.0
    hidden_seconds: float = 0.0
    late_log_seconds: float = 0.0
    least_late_log_seconds: float = 0.0
    page_size: int | None = None
    expired_tokens: set[str] = attrs.field(factory=set)
    _planned: defaultdict[str, deque[Fault]] = attrs.field(factory=lambda: defaultdict(deque), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _chance: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def plan(self, action: str, fault: Fault, times: int = 1) -> None:
        """The next calls of an action, such as ``RunTask``, or of any with ``*``, go wrong."""
        with self._lock:
            self._planned[action].extend([fault] * times)

    def clear(self) -> None:
        """Nothing goes wrong from here on."""
        with self._lock:
            self._planned.clear()
            self.throttled = self.error_after = self.lost = self.capacity = self.capacity_started = 0.0
            self.hidden_seconds = self.late_log_seconds = self.least_late_log_seconds = 0.0
            self.page_size = None
            self.expired_tokens = set()

    def next(self, action: str) -> Fault | None:
        """How this call goes wrong, if it does."""
        with self._lock:
            for name in (action, "*"):
                if self._planned[name]:
                    return self._planned[name].popleft()
            shares = {fault: getattr(self, fault.name.lower()) for fault in Fault}
            if action != "RunTask":
                shares = {fault: share for fault, share in shares.items() if fault not in _STARTING}
            number = self._chance.random()
            for fault, share in shares.items():
                if number < share:
                    return fault
                number -= share
            return None

    def lateness(self, number: int) -> float:
        """By how many seconds a line of output is late."""
        scattered = random.Random(repr((self.seed, number))).uniform(0, self.late_log_seconds)
        return self.least_late_log_seconds + scattered
