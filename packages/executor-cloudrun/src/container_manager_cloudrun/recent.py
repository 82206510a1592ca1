"""A memory of bounded size."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The newest entries of a mapping; safe for several threads.

    Args:
        size: most entries kept; the oldest gives way.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """What is known of a key, or None."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: K, value: V) -> V:
        """Remember, unless there is an entry already; the entry."""
        with self._lock:
            value = self._entries.setdefault(key, value)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return value

    def forget(self, key: K) -> None:
        """Drop an entry; one that is not there is no error."""
        with self._lock:
            self._entries.pop(key, None)
