"""Hearing of writes to a file, by whatever process, where the system tells of them: on Linux."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_GATHERING_SECONDS = 0.02


class Writes:
    """Calls after writes to a file, in a thread of its own: at once, and at most fifty times a second.

    Args:
        path: the file.
        call: is called after a write, or after several.
    """

    def __init__(self, path: Path, call: Callable[[], None]) -> None:
        self._path = path
        self._call = call
        self._watch: tuple[Any, int] | None = None
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()

    @property
    def are_heard(self) -> bool:
        """Whether a call follows every write now. Where the file was replaced by another, none does."""
        return self._watch is not None and self._thread is not None and self._thread.is_alive()

    def listen(self) -> None:
        """Begin, unless it has begun; nothing where it cannot be done."""
        if sys.platform != "linux":
            return
        with self._changing:
            if self._thread is None or not self._thread.is_alive():
                self._watch = None
                begun = threading.Event()
                self._thread = threading.Thread(
                    target=self._listen, args=(begun,), name="container-manager writes", daemon=True
                )
                self._thread.start()
                begun.wait()

    def stop(self) -> None:
        """End."""
        with self._changing:
            if self._watch is not None:
                inotify, number = self._watch
                with suppress(OSError, ValueError):  # it has just ended by itself
                    inotify.rm_watch(number)
            if self._thread is not None:
                self._thread.join(timeout=1)

    def _listen(self, begun: threading.Event) -> None:
        from inotify_simple import INotify, flags

        try:
            with INotify() as inotify:
                self._watch = inotify, inotify.add_watch(self._path, flags.MODIFY)
                begun.set()
                while not any(event.mask & flags.IGNORED for event in inotify.read()):
                    self._call()
                    time.sleep(_GATHERING_SECONDS)
        except OSError:
            pass  # no such file, or too many are watched on this machine: whoever waits looks by itself
        finally:
            self._watch = None
            begun.set()
