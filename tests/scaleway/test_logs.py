"""Each line of a log comes once, however late and out of order the log store shows it, and whoever reads."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import ExecutionState, ExecutionStatus
from container_manager_scaleway.cockpit import CUT_BYTES, MOST_ENTRIES, Entry
from container_manager_scaleway.logs import LogReader, Window
from container_manager_scaleway.sizes import Size
from container_manager_scaleway.translation.states import Run

SECOND = 1_000_000_000


class GrowingLog:
    """A log store's answers about one run, to which entries are added in any order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.queries = 0

    def read(self, run: Run, since: int) -> list[Entry]:
        self.queries += 1
        wanted = sorted((entry for entry in self.entries if entry.time >= since), key=lambda entry: entry.time)
        return wanted[:MOST_ENTRIES]

    def newest(self, run: Run, count: int) -> list[Entry]:
        return sorted(self.entries, key=lambda entry: entry.time)[-count:]


def a_run() -> Run:
    return Run(
        id=str(uuid4()),
        definition_id="definition",
        installation_id="tests",
        job_id=uuid4(),
        attempt=1,
        created_at=datetime.now(UTC),
        size=Size(128, 70),
        state=ExecutionState(status=ExecutionStatus.RUNNING),
    )


def entry(second: float, text: str) -> Entry:
    return Entry(int(second * SECOND), text.encode())


def read(reader: LogReader, run: Run, cursor: str, limit: int = 1000) -> tuple[bytes, str]:
    pages = list(reader.pages(run, cursor, limit))
    return b"".join(page.stdout for page in pages), pages[-1].cursor


@given(
    seconds=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    order=st.randoms(use_true_random=False),
    batches=st.lists(st.integers(1, 10), max_size=20),
    limit=st.integers(1, 60),
)
def test_every_line_comes_once_whatever_the_order_and_the_pages(
    seconds: list[int], order: Any, batches: list[int], limit: int
) -> None:
    """And every page's cursor leads on, for the same reader and for one in another process."""
    entries = [entry(second, f"line {number}") for number, second in enumerate(seconds)]
    order.shuffle(entries)
    log, run = GrowingLog(), a_run()
    readers = [LogReader(log, 30, 0), LogReader(log, 30, 0)]  # type: ignore[arg-type]
    seen, cursor = b"", ""
    rest = list(entries)
    for turn, size in enumerate([*batches, len(entries)]):
        log.entries += rest[:size]
        rest = rest[size:]
        data, cursor = read(readers[turn % 2], run, cursor, limit)
        seen += data
        assert len(cursor) < 1000
    assert sorted(seen.splitlines()) == sorted(line.text for line in entries)


def test_a_line_that_comes_later_than_the_overlap_is_not_looked_for() -> None:
    """What was read for good is not read again: a live log costs one short query a look."""
    log, run = GrowingLog(), a_run()
    reader = LogReader(log, 10, 0)  # type: ignore[arg-type]
    log.entries += [entry(1, "old"), entry(100, "new")]
    data, cursor = read(reader, run, "")
    assert data == b"old\nnew\n"
    log.entries += [entry(89, "too late"), entry(91, "late")]
    assert read(reader, run, cursor)[0] == b"late\n"


def test_more_lines_of_one_moment_than_a_query_gives_come_whole() -> None:
    log, run = GrowingLog(), a_run()
    log.entries = [entry(1 + number // 3000, f"line {number}") for number in range(MOST_ENTRIES + 4000)]
    data, cursor = read(LogReader(log, 0.5, 0), run, "", 64 * 1024)  # type: ignore[arg-type]
    assert data == b"".join(each.data for each in log.entries)
    assert log.queries <= 4
    assert read(LogReader(log, 0.5, 0), run, cursor) == (b"", cursor)  # type: ignore[arg-type]


def test_a_line_that_cockpit_cut_is_joined_again() -> None:
    log, run = GrowingLog(), a_run()
    log.entries = [entry(1, "x" * CUT_BYTES), entry(2, "y"), entry(3, "z")]
    data, _ = read(LogReader(log, 30, 0), run, "")  # type: ignore[arg-type]
    assert data == b"x" * CUT_BYTES + b"y\nz\n"


def test_an_ended_runs_log_is_read_when_it_stays_the_same() -> None:
    """So that lines which come late and out of order are stored in order."""

    class LateLog(GrowingLog):
        def newest(self, run: Run, count: int) -> list[Entry]:
            if late:
                self.entries.append(late.pop())
            return super().newest(run, count)

    late = [entry(1, "first"), entry(2, "second")]
    log = LateLog()
    pages: Iterator[Any] = LogReader(log, 30, 0.05).settled_pages(a_run(), "", 1000)  # type: ignore[arg-type]
    assert b"".join(page.stdout for page in pages) == b"first\nsecond\n"


@pytest.mark.parametrize("text", ["x", "12", "12:short", "12:12345678:", "-1:"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no cursor of the Scaleway executor"):
        Window.parse(text)


def test_late_lines_of_a_real_run_come_once(cloud: Any, make_executor: Any, prepare: Any) -> None:
    cloud.faults.late_seconds = 1.5
    executor = make_executor(cloud)
    execution_id = executor.launch_job(prepare("for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done")).execution_id
    seen, cursor = b"", ""
    deadline = time.monotonic() + 30
    while len(seen.splitlines()) < 9 and time.monotonic() < deadline:
        for page in executor.read_pages(execution_id, cursor):
            seen, cursor = seen + page.stdout, page.cursor
        time.sleep(0.1)
    assert sorted(seen.splitlines()) == [f"line {number}".encode() for number in range(1, 10)]
    assert sorted(executor.get_logs(execution_id).stdout.splitlines()) == sorted(seen.splitlines())
