"""Output as CloudWatch Logs has it, and a cursor to read on from anywhere.

The log driver sends lines, without their line ends, as events: a time in milliseconds and a text. An event can
be seen late, after younger ones. So each look goes back by an overlap, and the cursor tells how many events of
each millisecond from there on were taken; those of one millisecond are listed in the order of their arrival.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogChunk, LogPage, Stream

_ENTRY = r"[0-9a-f]{1,12}(?:\*[0-9a-f]{1,12})?"
_CURSOR = re.compile(rf"(?P<since>[0-9a-f]{{1,12}})/(?P<taken>{_ENTRY}(?:,{_ENTRY})*)")


@attrs.frozen
class Cursor:
    """How far a stream was read.

    Attributes:
        since: milliseconds since 1970; everything older was taken.
        taken: how many events of each millisecond from then on were taken, in the order of time.
    """

    since: int = 0
    taken: Mapping[int, int] = attrs.field(factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor of a text; the empty text is the beginning.

        Raises:
            InvalidInput: a text that `Cursor.__str__` did not make.
        """
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidInput("cursor", f"{text!r} is no cursor of the Fargate executor", "use one that it gave")
        since = time = int(match["since"], 16)
        taken = {}
        for entry in match["taken"].split(","):
            pause, _, count = entry.partition("*")
            time += int(pause, 16)
            taken[time] = int(count, 16) if count else 1
        return cls(since, taken)

    def __str__(self) -> str:
        if not self.taken:
            return ""
        entries, before = [], self.since
        for time, count in sorted(self.taken.items()):
            entries.append(f"{time - before:x}" + (f"*{count:x}" if count > 1 else ""))
            before = time
        return f"{self.since:x}/{','.join(entries)}"

    def settled(self, overlap_ms: int) -> "Cursor":
        """The same, without what is older than the youngest by more than the overlap."""
        since = max(self.since, max(self.taken, default=0) - overlap_ms)
        return Cursor(since, {time: count for time, count in self.taken.items() if time >= since})


class Pass:
    """One look at a stream, page after page; iterated once.

    Args:
        events: the stream's events from the cursor's ``since`` on, in the order of time.
        text: the cursor.
        limit: about how many bytes a page has.
        overlap_ms: by how much an event may come later than a younger one.

    Attributes:
        last_arrival_ms: when the platform took in the last of the events that are new; 0 when none is.
    """

    def __init__(self, events: Iterable[Mapping[str, Any]], text: str, limit: int, overlap_ms: int) -> None:
        self._events = events
        self._text = text
        self._limit = limit
        self._overlap_ms = overlap_ms
        self.last_arrival_ms = 0

    def __iter__(self) -> Iterator[LogPage]:
        cursor = Cursor.parse(self._text)
        taken = dict(cursor.taken)
        text, lines = self._text, bytearray()
        for event in self._fresh(cursor):
            time = event["timestamp"]
            taken[time] = taken.get(time, 0) + 1
            lines += event["message"].encode("utf-8", "replace") + b"\n"
            if len(lines) >= self._limit:
                text = str(Cursor(cursor.since, taken).settled(self._overlap_ms))
                yield _page(lines, text, more=True)
                lines = bytearray()
        if lines:
            text = str(Cursor(cursor.since, taken).settled(self._overlap_ms))
        yield _page(lines, text, more=False)

    def _fresh(self, cursor: Cursor) -> Iterator[Mapping[str, Any]]:
        seen: dict[int, int] = {}
        for event in self._events:
            time = event["timestamp"]
            seen[time] = seen.get(time, 0) + 1
            if time >= cursor.since and seen[time] > cursor.taken.get(time, 0):
                self.last_arrival_ms = max(self.last_arrival_ms, event.get("ingestionTime", 0))
                yield event


def _page(lines: bytearray, cursor: str, *, more: bool) -> LogPage:
    chunks = (LogChunk(Stream.STDOUT, bytes(lines)),) if lines else ()
    return LogPage(chunks=chunks, cursor=cursor, more=more)
