"""Hearing of writes to a file, by whatever process, where the system tells of them: on Linux."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from container_manager_core.store.protocol import GLANCE_SECONDS, TOLD_GLANCE_SECONDS

_PAUSES_SECONDS = (0.002, 0.003, 0.005, 0.010)
"""What is heard is the writing; what was written holds, and can be read, only once it is on disk, sooner or later."""

_UNREST_SECONDS = 0.3


class Writes:
    """Calls after writes to a file, in a thread of its own: some milliseconds later, and a few times more.

    It listens for as long as there is somebody to be called.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: list[Callable[[], None]] = []
        self._heard_at = 0.0
        self._watch: tuple[Any, int] | None = None
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()

    @property
    def are_heard(self) -> bool:
        """Whether a call follows every write now. Where the file was replaced by another, none does."""
        return self._watch is not None and self._thread is not None and self._thread.is_alive()

    @property
    def glance_seconds(self) -> float:
        """How often to look for oneself. Seldom while writes are heard and have ceased: all can be read by then."""
        has_ceased = time.monotonic() - self._heard_at > _UNREST_SECONDS
        return TOLD_GLANCE_SECONDS if self.are_heard and has_ceased else GLANCE_SECONDS

    def tell(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have it called after a write, or after several, at most two hundred times a second; returns what ends it.

        Where writes cannot be heard, it is called by `announce` alone.
        """
        with self._changing:
            self._calls.append(call)
            self._begin()

        def end() -> None:
            with self._changing:
                self._calls.remove(call)
                if not self._calls:
                    self._end()

        return end

    def announce(self) -> None:
        """Call at once: something was written by this process."""
        for call in tuple(self._calls):
            call()

    def stop(self) -> None:
        """Listen no more."""
        with self._changing:
            self._end()

    def _begin(self) -> None:
        """Listen, unless it does already; nothing where it cannot be done."""
        if sys.platform != "linux" or (self._thread is not None and self._thread.is_alive()):
            return
        self._watch = None
        begun = threading.Event()
        self._thread = threading.Thread(
            target=self._listen, args=(begun,), name="container-manager writes", daemon=True
        )
        self._thread.start()
        begun.wait()

    def _end(self) -> None:
        if self._watch is not None:
            inotify, number = self._watch
            with suppress(OSError, ValueError):  # it has just ended by itself
                inotify.rm_watch(number)
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _listen(self, begun: threading.Event) -> None:
        from inotify_simple import INotify, flags

        try:
            with INotify() as inotify:
                self._watch = inotify, inotify.add_watch(self._path, flags.MODIFY)
                begun.set()
                while not any(event.mask & flags.IGNORED for event in inotify.read()):
                    self._heard_at = time.monotonic()
                    for pause in _PAUSES_SECONDS:
                        time.sleep(pause)
                        self.announce()
        except OSError:
            pass  # no such file, or too many are watched on this machine: whoever waits looks by itself
        finally:
            self._watch = None
            begun.set()
