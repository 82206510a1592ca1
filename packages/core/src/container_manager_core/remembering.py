"""Remembering what a platform was asked or told, in bounded memory."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The newest entries of a mapping. Safe for several threads, none of which waits for long.

    For what an executor may forget, as it can ask again: how an execution ended, which definition was registered.
    Reading an entry does not make it newer.

    Args:
        size: most entries kept; where there is one more, the oldest gives way.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """What is known of a key, or None."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember, as the newest entry, in place of what was known of the key."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            self._give_way()

    def setdefault(self, key: K, value: V) -> V:
        """What is known of a key; the value, remembered as the newest entry, when nothing is."""
        with self._lock:
            known = self._entries.setdefault(key, value)
            self._give_way()
            return known

    def forget(self, key: K) -> None:
        """Drop an entry; one that is not there is no error."""
        with self._lock:
            self._entries.pop(key, None)

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._entries

    @property
    def is_full(self) -> bool:
        """Whether an entry may have given way."""
        with self._lock:
            return len(self._entries) >= self._size

    def _give_way(self) -> None:
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
