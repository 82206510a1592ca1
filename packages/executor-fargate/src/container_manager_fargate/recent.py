"""A memory of bounded size."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The newest entries by name; safe for several threads.

    Args:
        size: most entries kept; the oldest gives way.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._entries: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> V | None:
        """What is known, or None."""
        with self._lock:
            return self._entries.get(name)

    def put(self, name: str, value: V) -> V:
        """Remember, as the newest entry; gives the value back."""
        with self._lock:
            self._entries[name] = value
            self._entries.move_to_end(name)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return value

    def setdefault(self, name: str, value: V) -> V:
        """What is known; the value, remembered, when nothing is."""
        known = self.get(name)
        return self.put(name, value) if known is None else known

    def forget(self, name: str) -> None:
        """Drop an entry; one that is not there is no error."""
        with self._lock:
            self._entries.pop(name, None)

    def __contains__(self, name: str) -> bool:
        with self._lock:
            return name in self._entries
