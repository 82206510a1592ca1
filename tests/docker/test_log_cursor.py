"""The law of cursors: reading on from each page gives every byte once, whatever the pages and the pieces."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_manager_core.errors import InvalidInput, TransientError
from container_manager_core.executor import LogPage
from container_manager_docker.logs import Cursor, Position, TimestampReader, frames, pages

SECOND = 1_000_000_000
START = 1_900_000_000 * SECOND

Message = tuple[int, int, bytes]
"""Stream number, nanoseconds, data."""


def encode(stream: int, timestamp: int, data: bytes) -> bytes:
    moment = datetime.fromtimestamp(timestamp // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    payload = f"{moment}.{timestamp % SECOND:09d}Z ".encode() + data
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


class FakeLog:
    """What an engine does with ``since``: messages of that time or later, in the order of the log."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages
        self.written = {1: b"", 2: b""}

    def read(self, text: str, limit: int, piece: int, end: int) -> Iterator[LogPage]:
        """Pages of the first ``end`` messages, from a cursor on."""
        cursor = Cursor.parse(text)
        seconds, _, nanoseconds = (cursor.since or "0.0").partition(".")
        since = int(seconds) * SECOND + int(nanoseconds)
        body = b"".join(encode(*message) for message in self.messages[:end] if message[1] >= since)
        return pages((body[i : i + piece] for i in range(0, len(body), piece)), cursor, limit)

    def stream(self, number: int, end: int | None = None) -> bytes:
        return b"".join(data for stream, _, data in self.messages[:end] if stream == number)


@st.composite
def logs(draw: st.DrawFn) -> FakeLog:
    """Lines and pieces of long lines, mixed; a message may be written late, by up to seconds."""
    stamps, is_open = {1: START, 2: START}, {1: False, 2: False}
    now, messages = START, []
    for _ in range(draw(st.integers(0, 30))):
        stream = draw(st.sampled_from((1, 2)))
        now += draw(st.sampled_from((0, 1, 1_000, SECOND, 8 * SECOND, 100 * SECOND)))
        late = draw(st.sampled_from((0, 0, 1, SECOND, 9 * SECOND)))
        if not is_open[stream]:
            stamps[stream] = max(stamps[stream], now - late)
        is_open[stream] = draw(st.booleans())
        data = draw(st.binary(min_size=1, max_size=12)).replace(b"\n", b"x")
        messages.append((stream, stamps[stream], data if is_open[stream] else data + b"\n"))
    return FakeLog(messages)


@settings(max_examples=300, deadline=None)
@given(log=logs(), data=st.data())
def test_any_split_of_reads_gives_the_same_bytes(log: FakeLog, data: st.DataObject) -> None:
    out, err, text = b"", b"", ""
    ends = [*sorted(data.draw(st.lists(st.integers(0, len(log.messages)), max_size=6))), len(log.messages)]
    for end in ends:
        limit = data.draw(st.integers(1, 40))
        piece = data.draw(st.integers(1, 64))
        taken = data.draw(st.integers(1, 5))
        for number, page in enumerate(log.read(text, limit, piece, end)):
            assert len(page.stdout) + len(page.stderr) <= limit
            out, err, text = out + page.stdout, err + page.stderr, page.cursor
            if number + 1 == taken and page.more and end != len(log.messages):
                break
    assert out == log.stream(1)
    assert err == log.stream(2)


@st.composite
def long_lines(draw: st.DrawFn) -> FakeLog:
    """Lines of any length as an engine's driver `local` keeps them; an older one loses the end of the long ones."""
    loses, now = draw(st.booleans()), START
    log = FakeLog([])
    for _ in range(draw(st.integers(0, 8))):
        stream, length = draw(st.sampled_from((1, 2))), draw(st.sampled_from((0, 5, 16_383, 16_384, 16_400, 40_000)))
        now += 1
        line = bytes([97 + len(log.messages) % 26]) * length
        parts = [line[i : i + 16_384] for i in range(0, length + 1, 16_384)]
        parts[-1] += b"" if loses and len(parts) > 1 else b"\n"
        log.messages += [(stream, now, part) for part in parts]
        log.written[stream] += line + b"\n"
    for stream in (1, 2):
        log.messages.append((stream, now + 1, b"end"))
        log.written[stream] += b"end"
    return log


@settings(max_examples=60, deadline=None)
@given(log=long_lines(), limits=st.lists(st.sampled_from((1, 100, 16_384, 16_385, 50_000)), min_size=1, max_size=8))
def test_line_ends_that_an_engine_loses_are_put_back_wherever_reading_is_split(log: FakeLog, limits: list[int]) -> None:
    out, err, text, more = b"", b"", "", True
    while more:
        limits = limits[1:] + limits[:1] if limits[0] > 1 else [*limits[1:], 20_000]
        page = next(log.read(text, limits[0], 4096, len(log.messages)))
        out, err, text, more = out + page.stdout, err + page.stderr, page.cursor, page.more
    assert out == log.written[1]
    assert err == log.written[2]


@settings(deadline=None)
@given(log=logs(), limit=st.integers(1, 64))
def test_every_page_but_the_last_has_more(log: FakeLog, limit: int) -> None:
    read = list(log.read("", limit, 16, len(log.messages)))
    assert [page.more for page in read] == [True] * (len(read) - 1) + [False]


def test_nothing_new_is_the_same_cursor() -> None:
    log = FakeLog([(1, START, b"one\n"), (2, START + 100 * SECOND, b"two\n")])
    (page,) = log.read("", 100, 100, 2)
    (again,) = log.read(page.cursor, 100, 100, 2)
    assert (again.chunks, again.cursor, again.more) == ((), page.cursor, False)
    assert [page.cursor for page in FakeLog([]).read("", 100, 100, 0)] == [""]


def test_a_silent_stream_does_not_make_reading_begin_far_back() -> None:
    """But a line that is not finished does: the rest of it comes with the old time."""
    log = FakeLog([(2, START, b"once\n"), (1, START + 100 * SECOND, b"x\n")])
    (page,) = log.read("", 100, 100, 2)
    assert Cursor.parse(page.cursor).since == f"{START // SECOND + 90}.000000000"
    log = FakeLog([(2, START, b"unfinished"), (1, START + 100 * SECOND, b"x\n")])
    (page,) = log.read("", 100, 100, 2)
    assert Cursor.parse(page.cursor).since == f"{START // SECOND}.000000000"


@given(st.builds(Cursor, *[st.builds(Position, *[st.integers(0, 10**19)] * 2, st.booleans(), st.booleans())] * 2))
def test_a_cursor_is_its_text(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text())
def test_any_other_text_is_refused_in_words(text: str) -> None:
    try:
        Cursor.parse(text)
    except InvalidInput as error:
        assert error.place == "cursor"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"2030-03-17T17:46:40.000000001Z", START + 1),
        (b"2030-03-17T17:46:40.5Z", START + SECOND // 2),
        (b"2030-03-17T17:46:40Z", START),
        (b"2030-03-17T19:46:40.000000001+02:00", START + 1),
    ],
)
def test_times_as_engines_write_them(text: bytes, nanoseconds: int) -> None:
    reader = TimestampReader()
    assert reader.read(text) == nanoseconds
    assert reader.read(text) == nanoseconds


def test_a_cut_stream_is_an_error() -> None:
    whole = encode(1, START, b"data\n")
    assert list(frames([whole])) == [(1, whole[8:])]
    with pytest.raises(TransientError, match="ended within a message"):
        list(frames([whole[:-1]]))


def test_the_engines_own_error_in_the_stream_is_an_error() -> None:
    body = bytes([3, 0, 0, 0]) + (9).to_bytes(4, "big") + b"disk dead"
    with pytest.raises(TransientError, match="disk dead"):
        list(pages([body], Cursor(), 100))
