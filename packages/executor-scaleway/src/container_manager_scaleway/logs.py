"""Reading a run's log so that each line comes once, however late or out of order the log store shows it.

The store tells no positions. So a cursor holds a time and the ids of all entries from that time on which were taken:
reading on begins at the time, some seconds before the newest entry, and passes over what has an id in the cursor. A
cursor has room for a hundred ids; the process that made it remembers more, so that only a reader in another process has
the shorter window.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Iterator

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogChunk, LogPage, Stream
from container_manager_core.remembering import Recent
from container_manager_scaleway.cockpit import MOST_ENTRIES, Cockpit, Entry
from container_manager_scaleway.translation.states import Run

_CURSOR = re.compile(r"([0-9]{1,20}):((?:[A-Za-z0-9_-]{8})*)")
_ID = 8
_IDS_IN_CURSOR = 100
_IDS_IN_MEMORY = 2000
_NANOSECONDS = 1_000_000_000
_TAIL = 100
_LONGEST_SETTLING_SECONDS = 60.0


@attrs.frozen
class Window:
    """How far a log was read: everything older than ``since``, and the entries of these ids."""

    since: int = 0
    ids: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Window":
        """The window of a cursor; the empty one is the beginning.

        Raises:
            InvalidInput: no cursor of this executor's.
        """
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidInput("cursor", f"{text!r} is no cursor of the Scaleway executor", "use one that it gave")
        ids = match[2]
        return cls(int(match[1]), frozenset(ids[start : start + _ID] for start in range(0, len(ids), _ID)))


class _Scan:
    """What was read of a log so far, old and new; gives the cursor behind it."""

    def __init__(self, window: Window, overlap: int) -> None:
        self._window = window
        self._ahead = set(window.ids)
        self._overlap = overlap
        self._entries: deque[tuple[int, str]] = deque()

    def is_new(self, entry: Entry) -> bool:
        return entry.time >= self._window.since and entry.id not in self._window.ids

    def take(self, entry: Entry) -> None:
        self._entries.append((entry.time, entry.id))
        self._ahead.discard(entry.id)
        while self._entries and self._entries[0][0] < entry.time - self._overlap:
            self._entries.popleft()

    @property
    def is_past_window(self) -> bool:
        """Whether all that had been taken before was met again: before that, no cursor could hold it."""
        return not self._ahead

    def window(self, most: int) -> Window:
        """The newest of what was read, whole at each time."""
        kept = list(self._entries)
        since = max(kept[-1][0] - self._overlap, self._window.since)
        if len(kept) > most:
            since = kept[-most - 1][0] + 1
        return Window(since, frozenset(id for time, id in kept if time >= since))


class LogReader:
    """Reads the logs of runs. Safe for several threads.

    Args:
        cockpit: the log store.
        overlap_seconds: length of the window in which late entries are looked for.
        quiet_seconds: how long an ended run's log stays the same before it counts as whole.
    """

    def __init__(self, cockpit: Cockpit, overlap_seconds: float, quiet_seconds: float) -> None:
        self._cockpit = cockpit
        self._overlap = int(overlap_seconds * _NANOSECONDS)
        self._quiet_seconds = quiet_seconds
        self._windows: Recent[tuple[str, str], Window] = Recent(64)
        self._closed = threading.Event()

    def pages(self, run: Run, text: str, limit: int) -> Iterator[LogPage]:
        """Pages of about ``limit`` bytes of what comes after a cursor, until there is no more at the moment."""
        window = self._windows.get((run.id, text)) or Window.parse(text)
        scan, data = _Scan(window, self._overlap), bytearray()
        for entry in self._entries(run, window.since):
            if scan.is_new(entry):
                if len(data) >= limit and scan.is_past_window:
                    yield self._page(run, scan, data, more=True)
                    data.clear()
                data += entry.data
            scan.take(entry)
        yield self._page(run, scan, data, more=False) if data else LogPage(cursor=text)

    def settled_pages(self, run: Run, text: str, limit: int) -> Iterator[LogPage]:
        """The same of an ended run, as soon as its log stays the same; so its lines come in order."""
        self._wait_until_quiet(run)
        yield from self.pages(run, text, limit)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._closed.set()

    def _entries(self, run: Run, since: int) -> Iterator[Entry]:
        met: set[str] = set()
        while True:
            entries = self._cockpit.read(run, since)
            yield from (entry for entry in entries if entry.id not in met)
            if len(entries) < MOST_ENTRIES:
                return
            last = entries[-1].time
            met = {entry.id for entry in entries if entry.time == last}
            since = last if last > since else last + 1

    def _page(self, run: Run, scan: _Scan, data: bytearray, more: bool) -> LogPage:
        short = scan.window(_IDS_IN_CURSOR)
        cursor = f"{short.since}:{''.join(sorted(short.ids))}"
        self._windows.put((run.id, cursor), scan.window(_IDS_IN_MEMORY))
        return LogPage(chunks=(LogChunk(Stream.STDOUT, bytes(data)),), cursor=cursor, more=more)

    def _wait_until_quiet(self, run: Run) -> None:
        if not self._quiet_seconds:
            return
        until = time.monotonic() + max(_LONGEST_SETTLING_SECONDS, 2 * self._quiet_seconds)
        before = self._cockpit.newest(run, _TAIL)
        while not self._closed.wait(self._quiet_seconds) and time.monotonic() < until:
            now = self._cockpit.newest(run, _TAIL)
            if now == before:
                return
            before = now
