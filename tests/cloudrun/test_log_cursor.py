"""Lines that come late and out of order are each given once, whoever reads on and from whichever cursor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from google.cloud.logging_v2.types import LogEntry
from hypothesis import given, settings
from hypothesis import strategies as st

from container_manager_cloudrun.logs import REMEMBERED, Reading, Taken
from container_manager_cloudrun.translation.states import ExecutionName

NAME = ExecutionName(parent="projects/p/locations/r", job="j", execution="e")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Log:
    """A log whose entries appear when they are told to.

    Attributes:
        visible: numbers of the entries that can be read; an entry's number is its time in tenths of a second.
    """

    def __init__(self) -> None:
        self.visible: set[int] = set()

    def entries(self, filter_text: str) -> Iterator[list[Any]]:
        since = filter_text.partition('timestamp>="')[2].rstrip('"')
        floor = datetime.fromisoformat(since) if since else BEGIN
        shown = [number for number in sorted(self.visible) if time_of(number) >= floor]
        for start in range(0, len(shown), 100):
            yield [entry(number) for number in shown[start : start + 100]]


def time_of(number: int) -> datetime:
    return BEGIN + timedelta(seconds=number / 10)


@cache
def entry(number: int) -> Any:
    made = LogEntry(
        log_name="projects/p/logs/run.googleapis.com%2Fstdout",
        insert_id=f"id{number}",
        timestamp=time_of(number),
        receive_timestamp=time_of(number),
        text_payload=str(number),
    )
    return LogEntry.pb(made)


def read(log: Log, cursor: str, limit: int, now: datetime | None = None) -> tuple[list[int], str]:
    """The lines of one page, and its cursor."""
    reading = Reading(log.entries, NAME, Taken.parse(cursor), lambda: now)
    page = next(reading.pages(limit))
    return [int(line) for line in page.stdout.split()], page.cursor


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sets(st.integers(0, 60), max_size=20), st.integers(1, 40)), min_size=1, max_size=12),
)
def test_every_line_is_given_once_in_whatever_order_it_appears(steps: list[tuple[set[int], int]]) -> None:
    log, cursor, seen = Log(), "", []
    for appearing, limit in steps:
        log.visible |= appearing
        lines, cursor = read(log, cursor, limit)
        seen += lines
    for _ in range(100):
        lines, cursor = read(log, cursor, 40)
        seen += lines
        if not lines:
            break
    assert sorted(seen) == sorted(log.visible)


def test_a_cursor_remembers_so_much_and_no_more() -> None:
    log = Log()
    log.visible = set(range(3 * REMEMBERED))
    cursor, seen = "", []
    for _ in range(100):
        lines, cursor = read(log, cursor, 2000)
        seen += lines
        if not lines:
            break
    assert seen == sorted(log.visible)
    assert len(Taken.parse(cursor).keys) == REMEMBERED
    assert len(cursor) < 20 * REMEMBERED


def test_a_live_reader_of_many_lines_stays_behind_until_they_have_settled() -> None:
    """A line may then be half a minute late, and is given all the same."""
    log = Log()
    log.visible = set(range(0, 2000)) - {1000}
    now = time_of(2000)
    seen, cursor = [], ""
    for _ in range(100):
        lines, cursor = read(log, cursor, 3000, now)
        seen += lines
        if not lines:
            break
    assert max(seen) == 1700, "half a minute before now"
    log.visible.add(1000)
    later, cursor = read(log, cursor, 3000, now)
    assert 1000 in later
    lines, cursor = read(log, cursor, 10_000)
    later += lines
    assert sorted(seen + later) == sorted(log.visible)


def test_equal_times_are_told_apart() -> None:
    taken = Taken()
    taken.keys |= {(5, f"{number:06x}") for number in range(2 * REMEMBERED)}
    again = Taken.parse(taken.text())
    assert again.keys == taken.keys, "none of those of one time can be left out"
