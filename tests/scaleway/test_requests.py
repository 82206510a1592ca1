"""What attempts cost Scaleway in calls."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest
from local_clouds.containers import Wanted
from local_clouds.scaleway import Cloud, Server

from container_manager_core.clock import SystemClock
from container_manager_core.executor import ExecutionStatus, ExecutorContext
from container_manager_scaleway.executor import ScalewayExecutor


class LaterClock(SystemClock):
    """The machine's clock, some hours on."""

    def __init__(self, hours: float) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


class ParkedContainer:
    """Runs for ever, and is none."""

    def __init__(self, wanted: Wanted, *, on_start: Any, on_line: Any, on_end: Any) -> None:
        self._on_start = on_start

    def start(self) -> None:
        self._on_start("parked")

    def stop(self, grace_seconds: float) -> None:
        raise AssertionError("a parked container cannot be stopped")


@pytest.fixture
def parked_cloud() -> Any:
    """A cloud whose runs never end and need no engine."""
    cloud = Cloud(ParkedContainer)
    cloud.runs.stop_all = lambda: None  # type: ignore[method-assign]
    with Server(cloud):
        yield cloud


def _add_runs(cloud: Cloud, like: str, count: int) -> list[str]:
    """More runs like the one of that id, as other workers would have started them."""
    run = cloud.runs.get(like, lambda made: False)
    ids = []
    for _ in range(count):
        variables = {**run["environment_variables"], "CONTAINER_MANAGER_JOB_ID": str(uuid4())}
        started = cloud.runs.start(run["job_definition_id"], {"environment_variables": variables})
        ids.append(started["job_runs"][0]["id"])
    return ids


def _calls(cloud: Cloud) -> dict[str, int]:
    made, cloud.calls = dict(cloud.calls), Counter()
    return made


def test_an_attempt_costs_few_calls(cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any) -> None:
    """Launch to cleanup, each look at what runs apart; the first of a process also asks for definitions and logs."""
    executor = make_executor(cloud, log_quiet_seconds=0.2)
    usual = {"ListJobRuns": 1, "StartJobDefinition": 1, "GetJobRun": 1, "QueryLogs": 3}
    first = {"ListJobDefinitions": 2, "CreateJobDefinition": 1, "ListDataSources": 1}
    for expected in ({**usual, **first}, usual):
        request = prepare("echo out; sleep 0.3")
        launch = executor.launch_job(request)
        wait_for_ends(cloud)
        assert executor.check_statuses([launch.execution_id])[launch.execution_id].has_ended
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=launch.execution_id))
        assert b"".join(page.stdout for page in harvest.pages) == b"out\n"
        executor.cleanup(launch.execution_id)
        assert _calls(cloud) == expected


def test_the_status_of_500_running_jobs_is_five_calls(parked_cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    """As few as the API allows: a list has at most a hundred runs, and there is no call for several ids."""
    parked_cloud.runs.most = 500
    executor = make_executor(parked_cloud)
    first = executor.launch_job(prepare("sleep 600")).execution_id
    ids = [first, *_add_runs(parked_cloud, first, 499)]
    _calls(parked_cloud)
    states = executor.check_statuses(ids)
    assert {state.status for state in states.values()} == {ExecutionStatus.RUNNING}
    assert set(states) == set(ids)
    assert _calls(parked_cloud) == {"ListJobRuns": 5}


def test_what_ended_since_the_last_look_is_found_in_lists_too(
    cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any
) -> None:
    """Four that ended cost two calls, not four."""
    executor = make_executor(cloud)
    requests = [prepare(f"exit {number}") for number in range(4)]
    ids = [executor.launch_job(request).execution_id for request in requests]
    wait_for_ends(cloud)
    _calls(cloud)
    states = executor.check_statuses([*ids, str(uuid4())])
    assert [states[execution_id].exit_code for execution_id in ids] == [0, 1, 2, 3]
    # The live ones, the newest ones, and the one that there is not.
    assert _calls(cloud) == {"ListJobRuns": 2, "GetJobRun": 1}


def test_a_hundred_equal_jobs_make_one_definition(parked_cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    for executor in (make_executor(parked_cloud), make_executor(parked_cloud)):
        for number in range(50):
            executor.launch_job(prepare("sleep 600", environment={"NUMBER": str(number)}))
    assert len(parked_cloud.definitions.all()) == 1
    assert parked_cloud.calls["CreateJobDefinition"] == 1


def test_a_launch_is_found_among_many_later_ones_and_the_next_look_is_short(
    parked_cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    """A whole history is gone through once; after that only what is new."""
    executor, wanted = make_executor(parked_cloud), prepare("sleep 600")
    expected = executor.launch_job(wanted).execution_id
    _add_runs(parked_cloud, expected, 250)
    fresh = make_executor(parked_cloud)
    _calls(parked_cloud)
    assert fresh.find_execution(wanted) == expected
    assert _calls(parked_cloud) == {"ListJobRuns": 3}
    assert fresh.find_execution(prepare("sleep 600")) is None
    assert _calls(parked_cloud) == {"ListJobRuns": 3}


def test_what_is_ours_is_listed_without_the_whole_history(
    parked_cloud: Cloud, make_executor: Any, prepare: Any, make_options: Any, installation_id: str
) -> None:
    """The live ones, and one page of those before them: the rest began more than an hour ago."""
    first = make_executor(parked_cloud).launch_job(prepare("sleep 600")).execution_id
    _add_runs(parked_cloud, first, 250)
    clock = LaterClock(hours=2)
    later = ScalewayExecutor(
        make_options(parked_cloud), ExecutorContext(host="tests", installation_id=installation_id, clock=clock)
    )
    _calls(parked_cloud)
    assert len(later.list_owned()) == 251
    assert _calls(parked_cloud) == {"ListJobRuns": 4}
    later.close()


def test_a_run_behind_many_younger_ones_is_found_though_there_was_no_room(
    parked_cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    """In a busy project it is not among the newest any more when it can be seen at last."""
    cloud, executor = parked_cloud, make_executor(parked_cloud, visibility_seconds=2.0)
    cloud.faults.refuse_with_no_room(started=True)
    cloud.faults.hide_seconds = 1.5
    with ThreadPoolExecutor(1) as pool:
        launching = pool.submit(executor.launch_job, prepare())
        while not (runs := cloud.runs.all(lambda made: False)):
            time.sleep(0.01)
        _add_runs(cloud, runs[0]["id"], 120)
        assert launching.result().execution_id == runs[0]["id"]
