"""Output as CloudWatch Logs has it, and a cursor to read on from anywhere.

The log driver sends lines, without their line ends, as events: a time in milliseconds and a text. An event can
be seen late, after younger ones, and before or behind others of its millisecond. GetLogEvents gives no ids. So each
look goes back by an overlap, and the cursor tells which texts were taken of each millisecond from there on, and how
often: events of equal time and text are alike, so that nobody can tell which of them came late.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogChunk, LogPage, Stream

REMEMBERED = 1000
"""Texts that a cursor can tell apart, in about 10 KB. Of older milliseconds within the overlap it only knows how many
events were taken: the platform lists those of one millisecond in the order of their arrival."""

_DIGEST = 6
_FORGOTTEN = ""
"""Stands for the digest of any text."""
_NUMBER = r"[0-9a-f]{1,12}"
_TEXTS = rf"(?:\*{_NUMBER}|[A-Za-z0-9_-]{{{_DIGEST}}}(?:\*{_NUMBER})?)"
_ENTRY = rf"{_NUMBER}(?:(?:\*{_NUMBER})?|:{_TEXTS}(?:\.{_TEXTS})*)"
_CURSOR = re.compile(rf"(?P<since>{_NUMBER})/(?P<taken>{_ENTRY}(?:,{_ENTRY})*)")

Taken = Mapping[str, int]
"""How often each text of one millisecond was taken, by its digest."""


@attrs.frozen
class Cursor:
    """How far a stream was read.

    As text it is ``since/entry,entry``, with numbers in hexadecimal. An entry is the distance to the millisecond
    before, and the digests of the texts that were taken, as in ``5:digest.digest*2``, or their number alone, as in
    ``5*3``.

    Attributes:
        since: milliseconds since 1970; everything older was taken.
        taken: what was taken of each millisecond from then on.
    """

    since: int = 0
    taken: Mapping[int, Taken] = attrs.field(factory=dict)

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
            place, _, texts = entry.partition(":")
            pause, count = _counted(place)
            time += int(pause, 16)
            taken[time] = dict(map(_counted, texts.split("."))) if texts else {_FORGOTTEN: count}
        return cls(since, taken)

    def __str__(self) -> str:
        if not self.taken:
            return ""
        entries, before = [], self.since
        for time, taken in sorted(self.taken.items()):
            entries.append(f"{time - before:x}{_entry(taken)}")
            before = time
        return f"{self.since:x}/{','.join(entries)}"

    def settled(self, overlap_ms: int) -> "Cursor":
        """The same, without what is older than the youngest by more than the overlap, and of limited length."""
        since = max(self.since, max(self.taken, default=0) - overlap_ms)
        kept: dict[int, Taken] = {}
        room = REMEMBERED
        for time in sorted((time for time in self.taken if time >= since), reverse=True):
            taken = self.taken[time]
            room -= len(taken)
            kept[time] = taken if room >= 0 else {_FORGOTTEN: sum(taken.values())}
        return Cursor(since, kept)


class Pass:
    """One look at a stream, page after page; iterated once.

    Args:
        events: the stream's events from the cursor's ``since`` on, in the order of time, each once.
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
        cursor, text, lines = Cursor.parse(self._text), self._text, bytearray()
        taken = _copied(cursor)
        for time, digest, event in self._fresh(cursor):
            texts = taken.setdefault(time, {})
            texts[digest] = texts.get(digest, 0) + 1
            lines += event["message"].encode("utf-8", "replace") + b"\n"
            if len(lines) >= self._limit:
                cursor = Cursor(cursor.since, taken).settled(self._overlap_ms)
                taken, text = _copied(cursor), str(cursor)
                yield _page(lines, text, more=True)
                lines = bytearray()
        if lines:
            text = str(Cursor(cursor.since, taken).settled(self._overlap_ms))
        yield _page(lines, text, more=False)

    def _fresh(self, cursor: Cursor) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
        """What was not taken yet: the time, the text's digest and the event."""
        ahead = _copied(cursor)
        for event in self._events:
            time, digest = event["timestamp"], _digest(event["message"])
            if time >= cursor.since and not _met(ahead.get(time, {}), digest):
                self.last_arrival_ms = max(self.last_arrival_ms, event.get("ingestionTime", 0))
                yield time, digest, event


def _copied(cursor: Cursor) -> dict[int, dict[str, int]]:
    return {time: dict(texts) for time, texts in cursor.taken.items()}


def _met(texts: dict[str, int], digest: str) -> bool:
    """Whether it was among those taken; it is one less of them now."""
    for name in (digest, _FORGOTTEN):
        if texts.get(name):
            texts[name] -= 1
            return True
    return False


def _digest(message: str) -> str:
    whole = hashlib.blake2b(message.encode("utf-8", "replace"), digest_size=6).digest()
    return urlsafe_b64encode(whole).decode()[:_DIGEST]


def _counted(text: str) -> tuple[str, int]:
    name, _, count = text.partition("*")
    return name, int(count, 16) if count else 1


def _entry(texts: Taken) -> str:
    if set(texts) == {_FORGOTTEN}:
        return _times(texts[_FORGOTTEN])
    return ":" + ".".join(name + _times(count, always=not name) for name, count in texts.items())


def _times(count: int, *, always: bool = False) -> str:
    return f"*{count:x}" if count > 1 or always else ""


def _page(lines: bytearray, cursor: str, *, more: bool) -> LogPage:
    chunks = (LogChunk(Stream.STDOUT, bytes(lines)),) if lines else ()
    return LogPage(chunks=chunks, cursor=cursor, more=more)
