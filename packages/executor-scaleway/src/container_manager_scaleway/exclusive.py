"""One at a time for each name, over all executors of this process."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import ClassVar


class Exclusive:
    """Locks that exist only while somebody holds or wants them. Safe for several threads."""

    _shared: ClassVar["Exclusive | None"] = None
    _sharing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._locks: dict[Hashable, threading.Lock] = {}
        self._wanted: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def shared(cls) -> "Exclusive":
        """The one of this process."""
        with cls._sharing:
            if cls._shared is None:
                cls._shared = cls()
            return cls._shared

    @contextmanager
    def hold(self, name: Hashable) -> Iterator[None]:
        """Wait until nobody else holds the name, and hold it for the time of the block."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
            self._wanted[name] = self._wanted.get(name, 0) + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                self._wanted[name] -= 1
                if not self._wanted[name]:
                    del self._wanted[name], self._locks[name]
