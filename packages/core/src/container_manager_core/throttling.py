"""Keeping calls to a platform's API under its rate limit."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import ClassVar

from container_manager_core.clock import Clock, SystemClock


class TokenBucket:
    """Lets so many calls through a second, after a burst. Safe for several threads.

    Args:
        per_second: calls a second in the long run.
        burst: calls at once after a quiet time.
        clock: where the time comes from.
        sleep: waits for so many seconds.
    """

    _shared: ClassVar[dict[Hashable, "TokenBucket"]] = {}
    _sharing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        per_second: float,
        burst: int,
        clock: Clock | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled_at = self._clock.monotonic()
        self._lock = threading.Lock()

    @classmethod
    def shared(cls, key: Hashable, per_second: float, burst: int) -> "TokenBucket":
        """The bucket of an account and API, the same one for every host of this process that uses it."""
        with cls._sharing:
            return cls._shared.setdefault(key, cls(per_second, burst))

    def take(self) -> None:
        """Take one token; wait for it, first come first served, when there is none."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
            self._filled_at = now
            self._tokens -= 1
            wait = max(0.0, -self._tokens / self._per_second)
        if wait:
            self._sleep(wait)

    def drain(self) -> None:
        """Leave no token: the platform has just said that it is too much."""
        with self._lock:
            self._tokens = min(self._tokens, 0.0)
            self._filled_at = self._clock.monotonic()
