"""Each line once, however late or out of order the platform shows it."""

import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import attrs
import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_clouds.fargate import Faults, LocalFargate

from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogPage
from container_manager_fargate.client import Client
from container_manager_fargate.logs import REMEMBERED, Cursor, Pass
from container_manager_fargate.streams import Streams
from container_manager_fargate.translation.definition import CONTAINER
from support.fargate import options_for

OVERLAP_MS = 1000
BEGIN = 10_000


def event(time: int, text: str) -> dict[str, Any]:
    return {"timestamp": time, "message": text, "ingestionTime": time}


def look(events: Sequence[dict[str, Any]], cursor: str, limit: int = 1 << 20) -> Pass:
    """One look at a stream that shows these events; those of one millisecond in the order given."""
    since = Cursor.parse(cursor).since
    shown = sorted((each for each in events if each["timestamp"] >= since), key=lambda each: each["timestamp"])
    return Pass(shown, cursor, limit, OVERLAP_MS)


def read(events: Sequence[dict[str, Any]], cursor: str, limit: int = 1 << 20) -> list[LogPage]:
    return list(look(events, cursor, limit))


@attrs.frozen
class Look:
    """A moment in which somebody reads.

    Attributes:
        limit: of its pages, in bytes.
        pages: how many of them are read.
    """

    limit: int
    pages: int


@attrs.frozen
class Late:
    """An event that can be read from the look of this number on, in this place among those of its millisecond."""

    time: int
    text: str
    appears: int
    place: int


@given(
    events=st.lists(
        st.builds(
            Late,
            time=st.integers(BEGIN, BEGIN + 5) | st.integers(BEGIN, BEGIN + OVERLAP_MS),
            text=st.sampled_from(["", "a", "b", "c", "Grüße", "x" * 30]),
            appears=st.integers(0, 4),
            place=st.integers(0, 9),
        ),
        max_size=40,
    ),
    looks=st.lists(st.builds(Look, limit=st.integers(1, 40), pages=st.integers(1, 9)), min_size=4, max_size=4),
)
def test_any_split_of_reads_and_any_late_arrival_give_the_same_lines(events: list[Late], looks: list[Look]) -> None:
    """Also of equal texts, and of those that come before others of their millisecond which were read."""
    ordered = sorted(events, key=lambda each: each.place)
    cursor, seen = "", b""
    for number, each in enumerate([*looks, Look(1 << 20, 1)]):
        shown = [event(late.time, late.text) for late in ordered if late.appears <= number]
        for page in islice(look(shown, cursor, each.limit), each.pages):
            seen, cursor = seen + page.stdout, page.cursor
    assert sorted(seen.decode().split("\n")[:-1]) == sorted(late.text for late in events)


def test_a_line_that_comes_late_but_first_of_its_millisecond_does_not_make_another_come_twice() -> None:
    (before,) = read([event(BEGIN, "read")], "")
    (after,) = read([event(BEGIN, "late"), event(BEGIN, "read")], before.cursor)
    assert (before.stdout, after.stdout) == (b"read\n", b"late\n")


@given(
    since=st.integers(min_value=0, max_value=1 << 40),
    taken=st.dictionaries(
        st.integers(min_value=0, max_value=100_000),
        st.dictionaries(
            st.sampled_from(["", "------", "______", "abcDEF", "000000", "Zz9-_a"]), st.integers(1, 5000), min_size=1
        ),
        max_size=20,
    ),
)
def test_a_cursor_survives_being_text(since: int, taken: dict[int, dict[str, int]]) -> None:
    cursor = Cursor(since, {since + pause: texts for pause, texts in taken.items()})
    assert not taken or Cursor.parse(str(cursor)) == cursor


def test_a_cursor_that_only_counts_is_read_on_from() -> None:
    """Two events of millisecond 10,000 and one of 10,005 had been taken."""
    events = [event(BEGIN, "one"), event(BEGIN, "two"), event(BEGIN, "three"), event(BEGIN + 5, "four")]
    (page,) = read([*events, event(BEGIN + 6, "five")], "2710/0*2,5")
    assert page.stdout == b"three\nfive\n"
    assert read([*events, event(BEGIN + 6, "five")], page.cursor)[0].stdout == b""


def test_a_cursor_grows_neither_with_the_output_nor_with_its_speed() -> None:
    slow = [event(number * 10, f"line {number}") for number in range(5000)]
    fast = [event(number // 50, f"line {number}") for number in range(100_000)]
    (few,), (many,) = read(slow, ""), read(fast, "", 1 << 30)
    assert len(few.cursor) < 12 * OVERLAP_MS / 10
    assert len(many.cursor) < 10 * REMEMBERED + 5 * OVERLAP_MS


@settings(max_examples=20)
@given(steps=st.lists(st.integers(1, 3000), min_size=2, max_size=4), per_millisecond=st.integers(1, 3000))
def test_more_lines_than_a_cursor_tells_apart_come_once_when_they_come_in_order(
    steps: list[int], per_millisecond: int
) -> None:
    events = [event(BEGIN + number // per_millisecond, f"line {number}") for number in range(sum(steps))]
    cursor, seen = "", b""
    for number in range(len(steps)):
        (page,) = read(events[: sum(steps[: number + 1])], cursor)
        seen, cursor = seen + page.stdout, page.cursor
    assert seen == "".join(f"line {number}\n" for number in range(len(events))).encode()


@pytest.mark.parametrize(
    "text", ["x", "12", "1/2/3", "-1/", "1/1*", "1/,*", "1/2:", "1/2:short", "1/2*3:abcdef", "1/2:abcdef*"]
)
def test_a_strange_cursor_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no cursor of the Fargate executor; use one that it gave"):
        Cursor.parse(text)


def test_lines_that_come_late_and_in_another_order_are_all_harvested(
    executor: Any, make_executor: Any, faults: Faults, prepare: Any, wait: Any
) -> None:
    """The harvest drains until it is quiet: each line once."""
    faults.late_log_seconds, faults.page_size = 1.5, 7
    patient = make_executor(log_settle_seconds=1.0)
    request = prepare("sh", "-c", "for i in $(seq 1 40); do echo line $i; sleep 0.01; done")
    execution_id = patient.launch_job(request).execution_id
    wait(patient, execution_id)
    harvest = patient.harvest_job(attrs.evolve(request, execution_id=execution_id))
    lines = b"".join(page.stdout for page in harvest.pages).decode().splitlines()
    assert sorted(lines) == sorted(f"line {number}" for number in range(1, 41))


def test_lines_that_come_late_between_two_pages_of_one_look_make_no_other_come_twice(
    cloud: LocalFargate, faults: Faults, installation_id: str
) -> None:
    options = options_for(cloud)
    client = Client(options)
    streams = Streams(client, options, installation_id)
    stream = {"logGroupName": options.log_group, "logStreamName": f"{streams.prefix}/{CONTAINER}/task"}
    now = int(time.time() * 1000)
    with closing(client), closing(boto3.client("logs", endpoint_url=cloud.url, region_name=cloud.region)) as driver:
        driver.create_log_stream(**stream)

        def write(*numbers: int) -> None:
            events = [{"timestamp": now + number, "message": f"line {number}"} for number in numbers]
            driver.put_log_events(**stream, logEvents=events)

        write(1, 3, 5, 7)
        faults.page_size = 2
        pages = iter(streams.read("task", "", limit=1))
        seen = [next(pages) for _ in range(2)]
        write(0, 2, 4, 6, 8)
        seen += pages
        seen += streams.read("task", seen[-1].cursor, limit=1)
    lines = b"".join(page.stdout for page in seen).decode().splitlines()
    assert sorted(lines) == [f"line {number}" for number in range(9)]


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
