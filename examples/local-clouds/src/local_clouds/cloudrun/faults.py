"""What goes wrong on request."""

import random
import threading
import time
from collections.abc import Callable

import attrs
import grpc

from local_clouds.cloudrun.refusal import Refusal


@attrs.define(kw_only=True)
class Faults:
    """What goes wrong from now on; all of it may be changed while the server runs.

    Attributes:
        seed: makes chance repeatable.
        throttled: share of all calls, 0 to 1, that are answered "too many", undone.
        unanswered: share of all calls that are done, and answered 503.
        phantom_capacity: share of the runs that are started and answered "no capacity".
        hidden_seconds: how long a new execution cannot be seen.
        late_seconds: how much later than it was written output can be read.
        scattered_seconds: how much later still, by chance up to that for each line: out of order.
        page_size: most items of a page, whatever a client asks for; 0 leaves it to the platform's own limit.
    """

    seed: int = 0
    throttled: float = 0.0
    unanswered: float = 0.0
    phantom_capacity: float = 0.0
    hidden_seconds: float = 0.0
    late_seconds: float = 0.0
    scattered_seconds: float = 0.0
    page_size: int = 0
    _chance: random.Random = attrs.field(init=False, repr=False)
    _planned: list[tuple[str, str]] = attrs.field(init=False, factory=list, repr=False)
    _lock: threading.Lock = attrs.field(init=False, factory=threading.Lock, repr=False)

    def __attrs_post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def refuse(self, method: str, times: int = 1) -> None:
        """The next calls of a method such as ``RunJob``, or of any with ``*``, are answered "too many", undone."""
        self._plan("refuse", method, times)

    def expire(self, method: str = "*", times: int = 1) -> None:
        """The credentials of the next calls count as expired."""
        self._plan("expire", method, times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next calls of the method are done, and answered 503."""
        self._plan("lose", method, times)

    def phantom(self, times: int = 1) -> None:
        """The next runs are started, and answered "no capacity"."""
        self._plan("phantom", "RunJob", times)

    def before(self, method: str) -> None:
        """Refuse a call that shall not be done."""
        if self._due("expire", method):
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
        if self._due("refuse", method) or self._happens(self.throttled):
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"Quota exceeded for quota metric '{method} requests' and limit '{method} requests per minute' "
                "of service 'run.googleapis.com'.",
            )

    def after(self, method: str) -> None:
        """Refuse a call that was done."""
        if self._due("lose", method) or self._happens(self.unanswered):
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable.")
        if method == "RunJob" and (self._due("phantom", method) or self._happens(self.phantom_capacity)):
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "The region has no capacity for this execution at the moment."
            )

    def late(self) -> float:
        """By how many seconds the next line is late."""
        with self._lock:
            scattered = self._chance.uniform(0, self.scattered_seconds) if self.scattered_seconds else 0.0
            return self.late_seconds + scattered

    def visible_at(self, clock: Callable[[], float] = time.monotonic) -> float:
        """From when, on the monotonic clock, an execution that is made now can be seen."""
        return clock() + self.hidden_seconds

    def _plan(self, what: str, method: str, times: int) -> None:
        with self._lock:
            self._planned += [(what, method)] * times

    def _due(self, what: str, method: str) -> bool:
        with self._lock:
            for entry in ((what, method), (what, "*")):
                if entry in self._planned:
                    self._planned.remove(entry)
                    return True
        return False

    def _happens(self, share: float) -> bool:
        with self._lock:
            return share > 0 and self._chance.random() < share
