"""Hearing of writes to a file, by whatever process, where the system tells of them: on Linux."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_PAUSES_SECONDS = (0.004, 0.016)
"""What is heard is the writing; what was written holds, and can be read, only once it is on disk."""

_UNREST_SECONDS = 0.3


class Writes:
    """Calls after writes to a file, in a thread of its own: some milliseconds later, and once more.

    Args:
        path: the file.
        call: is called after a write, or after several, at most a hundred times a second.
    """

    def __init__(self, path: Path, call: Callable[[], None]) -> None:
        self._path = path
        self._call = call
        self._heard_at = 0.0
        self._watch: tuple[Any, int] | None = None
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()

    @property
    def are_heard(self) -> bool:
        """Whether a call follows every write now. Where the file was replaced by another, none does."""
        return self._watch is not None and self._thread is not None and self._thread.is_alive()

    @property
    def have_ceased(self) -> bool:
        """Whether they are heard, and there was none for a while, so that whatever was written can be read."""
        return self.are_heard and time.monotonic() - self._heard_at > _UNREST_SECONDS

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
                        self._call()
        except OSError:
            pass  # no such file, or too many are watched on this machine: whoever waits looks by itself
        finally:
            self._watch = None
            begun.set()
