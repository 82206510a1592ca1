"""An engine's log stream: its frames, and a cursor to read on from anywhere.

The engine sends frames: one byte for the stream, three of padding, four for the length, then a
timestamp, a space and the data. A message over 16 KiB comes in several frames that all carry
the time of the first, so a time alone does not tell where to go on: a position is a time and how
many bytes from that time on were taken.

The driver `local` of older engines (seen with 20.10) loses the line end of a message that came in several
frames. It is put back as soon as the stream's next message shows that the line was ended. For
a stream's very last line, over 16 KiB long, such an engine does not tell; it is left without.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from container_manager_core.errors import InvalidInput, TransientError
from container_manager_core.executor import LogChunk, LogPage, Stream

_HEADER = 8
_FULL_FRAME = 16_384
_STREAMS = {0: Stream.STDOUT, 1: Stream.STDOUT, 2: Stream.STDERR}
_ENGINE_ERROR = 3
_POSITION = re.compile(r"([0-9]{1,20})\+([0-9]{1,20})(\^?)(~?)")
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d*))?(Z|[+-]\d\d:\d\d)")
_NANOSECONDS = 1_000_000_000
_SETTLED = 10 * _NANOSECONDS
"""The engine stamps a message before it writes it: one stream's message may stand this long after a younger
one of the other stream. Whatever is older than this has all been seen."""


@attrs.frozen
class Position:
    """How far one stream was read.

    Attributes:
        since: nanoseconds since 1970; everything older was taken.
        taken: bytes taken of what is not older.
        unfinished: whether the last byte was no line end, so that more may come with an old time.
        restored: whether what was taken begins with a line end that the engine had lost.
    """

    since: int = 0
    taken: int = 0
    unfinished: bool = False
    restored: bool = False

    def lacks_line_end(self, timestamp: int) -> bool:
        """Whether a message of that time shows that the engine lost the end of the line before."""
        return timestamp > self.since and self.unfinished and self.taken >= _FULL_FRAME

    def after(self, timestamp: int, data: bytes, restored: bool) -> "Position":
        """The position behind data of that time; ``restored`` if the first of that time."""
        unfinished = not data.endswith(b"\n")
        if timestamp > self.since:
            return Position(timestamp, len(data), unfinished, restored)
        if timestamp == self.since:
            return Position(timestamp, self.taken + len(data), unfinished, self.restored)
        return attrs.evolve(self, unfinished=unfinished)


@attrs.frozen
class Cursor:
    """How far both streams were read."""

    stdout: Position = Position()
    stderr: Position = Position()

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor of a text; the empty text is the beginning.

        Raises:
            InvalidInput: a text that `Cursor.__str__` did not make.
        """
        if not text:
            return cls()
        positions = [
            Position(int(match[1]), int(match[2]), unfinished=bool(match[4]), restored=bool(match[3]))
            for match in map(_POSITION.fullmatch, text.split("/"))
            if match is not None
        ]
        if len(positions) != 2 or text.count("/") != 1:
            raise InvalidInput("cursor", f"{text!r} is no cursor of the Docker executor", "use one that it gave")
        return cls(*positions)

    def __str__(self) -> str:
        if self == Cursor():
            return ""
        return "/".join(
            f"{position.since}+{position.taken}{'^' * position.restored}{'~' * position.unfinished}"
            for position in (self.stdout, self.stderr)
        )

    @property
    def since(self) -> str:
        """From when the engine is asked for messages, as it writes such a time; empty for the beginning."""
        since = min(self.stdout.since, self.stderr.since)
        return f"{since // _NANOSECONDS}.{since % _NANOSECONDS:09d}" if since else ""

    def settled(self) -> "Cursor":
        """The same, with a silent stream drawn along, so that reading on does not begin far back for its sake."""
        floor = max(self.stdout.since, self.stderr.since) - _SETTLED

        def drawn(position: Position) -> Position:
            return Position(floor) if position.since < floor and not position.unfinished else position

        return Cursor(drawn(self.stdout), drawn(self.stderr))


class TimestampReader:
    """Reads times as engines write them; the seconds part is mostly that of the line before."""

    def __init__(self) -> None:
        self._text = b""
        self._zone = b""
        self._nanoseconds = 0

    def read(self, text: bytes) -> int:
        """Nanoseconds since 1970 of a time such as ``2030-01-02T03:04:05.678901234Z``."""
        if text[:19] == self._text and len(text) == 30 and text[29:] == b"Z" == self._zone:
            return self._nanoseconds + int(text[20:29])
        match = _TIME.fullmatch(text)
        if match is None:
            raise TransientError(f"the engine's log stream has no time where one should be: {text[:40]!r}")
        self._text, fraction, self._zone = match.groups()
        moment = datetime.fromisoformat((self._text + self._zone).decode("ascii"))
        self._nanoseconds = int(moment.timestamp()) * _NANOSECONDS
        return self._nanoseconds + int((fraction or b"").ljust(9, b"0")[:9])


def frames(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The frames of a log stream that comes in pieces of any size: the stream's number, and the payload.

    Raises:
        TransientError: the stream ended within a frame.
    """
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        start = 0
        while len(buffer) - start >= _HEADER:
            end = start + _HEADER + int.from_bytes(buffer[start + 4 : start + _HEADER], "big")
            if end > len(buffer):
                break
            yield buffer[start], bytes(buffer[start + _HEADER : end])
            start = end
        del buffer[:start]
    if buffer:
        raise TransientError("the engine's log stream ended within a message")


class _Page:
    """A page being filled; neighbours of the same stream become one chunk."""

    def __init__(self) -> None:
        self._runs: list[tuple[Stream, bytearray]] = []
        self.size = 0

    def add(self, stream: Stream, data: bytes) -> None:
        if not self._runs or self._runs[-1][0] is not stream:
            self._runs.append((stream, bytearray()))
        self._runs[-1][1].extend(data)
        self.size += len(data)

    def finish(self, cursor: Cursor, more: bool) -> LogPage:
        chunks = tuple(LogChunk(stream, bytes(run)) for stream, run in self._runs)
        return LogPage(chunks=chunks, cursor=str(cursor.settled()), more=more)


def pages(pieces: Iterable[bytes], cursor: Cursor, limit: int) -> Iterator[LogPage]:
    """Pages of at most ``limit`` bytes from a log stream that was asked for from ``cursor.since`` on.

    Every page but the last has ``more``; each carries the cursor behind it.

    Raises:
        TransientError: the stream was cut, or the engine reports an error in it.
    """
    positions = {Stream.STDOUT: cursor.stdout, Stream.STDERR: cursor.stderr}
    page = _Page()
    for stream, timestamp, fresh in _fresh(pieces, cursor):
        restored = positions[stream].lacks_line_end(timestamp)
        data = b"\n" + fresh if restored else fresh
        while data:
            part, data = data, b""
            if page.size + len(part) > limit:
                part, data = part[: limit - page.size], part[limit - page.size :]
            page.add(stream, part)
            positions[stream] = positions[stream].after(timestamp, part, restored)
            if page.size >= limit:
                yield page.finish(Cursor(positions[Stream.STDOUT], positions[Stream.STDERR]), more=True)
                page = _Page()
    yield page.finish(Cursor(positions[Stream.STDOUT], positions[Stream.STDERR]), more=False)


def _fresh(pieces: Iterable[bytes], cursor: Cursor) -> Iterator[tuple[Stream, int, bytes]]:
    """What was not taken yet: stream, time and data."""
    since = {Stream.STDOUT: cursor.stdout.since, Stream.STDERR: cursor.stderr.since}
    restored = {Stream.STDOUT: cursor.stdout.restored, Stream.STDERR: cursor.stderr.restored}
    skip = {Stream.STDOUT: cursor.stdout.taken, Stream.STDERR: cursor.stderr.taken}
    clock = TimestampReader()
    for number, payload in frames(pieces):
        if number == _ENGINE_ERROR:
            raise TransientError(f"the engine cannot read the output: {payload.decode('utf-8', 'replace').strip()}")
        stream = _STREAMS[number]
        text, _, data = payload.partition(b" ")
        timestamp = clock.read(text)
        if timestamp < since[stream]:
            continue
        if not data:
            data = b"\n"  # the engine sends nothing for a message's last frame when it lost the line end in it
        if restored[stream]:
            restored[stream] = False
            data = b"\n" + data
        if skip[stream]:
            skipped = min(skip[stream], len(data))
            skip[stream] -= skipped
            data = data[skipped:]
        yield stream, timestamp, data
