"""Each line once, however late or out of order the platform shows it."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_clouds.fargate import Faults

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogPage
from container_manager_fargate.logs import Cursor, Pass

OVERLAP_MS = 1000


def event(time: int, text: str) -> dict[str, Any]:
    return {"timestamp": time, "message": text, "ingestionTime": time}


def read(events: list[dict[str, Any]], cursor: str, limit: int = 1 << 20) -> list[LogPage]:
    """One look at a stream that shows these events."""
    since = Cursor.parse(cursor).since
    shown = sorted((each for each in events if each["timestamp"] >= since), key=lambda each: each["timestamp"])
    return list(Pass(shown, cursor, limit, OVERLAP_MS))


@given(
    times=st.lists(st.integers(min_value=10_000, max_value=10_000 + OVERLAP_MS), min_size=1, max_size=40),
    data=st.data(),
)
def test_events_that_become_visible_in_any_order_of_milliseconds_are_each_taken_once(
    times: list[int], data: st.DataObject
) -> None:
    events = [event(time, f"line {number}") for number, time in enumerate(sorted(times))]
    shown_at = {time: data.draw(st.integers(min_value=0, max_value=3)) for time in times}
    limit = data.draw(st.sampled_from([1, 20, 1 << 20]))
    cursor, seen = "", b""
    for moment in range(4):
        for page in read([each for each in events if shown_at[each["timestamp"]] <= moment], cursor, limit):
            seen, cursor = seen + page.stdout, page.cursor
    assert sorted(seen.decode().splitlines()) == sorted(each["message"] for each in events)


@given(
    since=st.integers(min_value=0, max_value=1 << 44),
    pauses=st.lists(st.integers(min_value=0, max_value=100_000), max_size=20),
    counts=st.lists(st.integers(min_value=1, max_value=5000), min_size=20, max_size=20),
)
def test_a_cursor_survives_being_text(since: int, pauses: list[int], counts: list[int]) -> None:
    taken = {since + sum(pauses[: number + 1]): counts[number] for number in range(len(pauses))}
    cursor = Cursor(since, taken)
    assert not taken or Cursor.parse(str(cursor)) == cursor


def test_a_cursor_does_not_grow_with_the_output() -> None:
    events = [event(number * 10, f"line {number}") for number in range(5000)]
    (page,) = read(events, "")
    assert len(page.cursor) < 5 * OVERLAP_MS


@pytest.mark.parametrize("text", ["x", "12", "1/2/3", "-1/", "1/1*", "1/,*"])
def test_a_strange_cursor_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no cursor of the Fargate executor; use one that it gave"):
        Cursor.parse(text)


def test_lines_that_come_late_and_in_another_order_are_all_harvested(
    executor: Any, make_executor: Any, faults: Faults, prepare: Any, wait: Any
) -> None:
    """The harvest drains until it is quiet: each line once."""
    faults.late_log_seconds = 1.5
    patient = make_executor(log_settle_seconds=1.0)
    request = prepare("sh", "-c", "for i in $(seq 1 20); do echo line $i; sleep 0.05; done")
    execution_id = patient.launch_job(request).execution_id
    wait(patient, execution_id)
    harvest = patient.harvest_job(attrs.evolve(request, execution_id=execution_id))
    lines = b"".join(page.stdout for page in harvest.pages).decode().splitlines()
    assert sorted(lines) == sorted(f"line {number}" for number in range(1, 21))


def test_small_pages_at_every_list_change_nothing(executor: Any, faults: Faults, prepare: Any, wait: Any) -> None:
    faults.page_size = 2
    requests = [prepare("sh", "-c", "seq 1 7") for _ in range(3)]
    ids = [executor.launch_job(request).execution_id for request in requests]
    for execution_id in ids:
        wait(executor, execution_id)
        assert executor.get_logs(execution_id).stdout == b"1\n2\n3\n4\n5\n6\n7\n"
    assert {owned.execution_id for owned in executor.list_owned()} == set(ids)


def test_output_of_a_running_task_is_asked_for_at_intervals_alone(cloud: Any, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(log_interval_seconds=60)
    execution_id = executor.launch_job(prepare("sleep", "60")).execution_id
    before = cloud.calls["GetLogEvents"]
    for _ in range(50):
        assert [page.chunks for page in executor.read_pages(execution_id)] == [()]
    assert cloud.calls["GetLogEvents"] - before <= 2
