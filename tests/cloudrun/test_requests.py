"""What an attempt, and a look at many, cost the platform in calls."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
from local_clouds.cloudrun import LocalCloudRun

from container_manager_core.executor import ExecutionStatus
from support.engine import Engine

LIFE = {
    "ListExecutions": 2,  # before it is run and after
    "RunJob": 1,
    "GetExecution": 1,
    "ListLogEntries": 1,
    "DeleteExecution": 1,
}


def life(executor: Any, cloud: LocalCloudRun, request: Any) -> Counter[str]:
    """The calls of an attempt from launch to cleanup, the waiting left out."""
    cloud.counted()
    launch = executor.launch_job(request)
    calls = cloud.counted()
    while not cloud.cloud.ended(launch.execution_id):
        time.sleep(0.05)
    harvest = executor.harvest_job(attrs.evolve(request, execution_id=launch.execution_id))
    assert harvest.state.status is ExecutionStatus.EXITED
    assert b"".join(page.stdout for page in harvest.pages) == b"out\n"
    executor.cleanup(launch.execution_id)
    return calls + cloud.counted()


def test_an_attempt_costs_six_calls_and_a_failed_one_another(
    make_executor: Any, cloud: LocalCloudRun, prepare: Any
) -> None:
    executor = make_executor()
    first = life(executor, cloud, prepare("echo", "out"))
    assert first == {**LIFE, "RunJob": 2, "CreateJob": 1, "GetJob": first["GetJob"], "ListJobs": 1}, (
        "the first makes the definition"
    )
    assert life(executor, cloud, prepare("echo", "out")) == LIFE
    failed = life(executor, cloud, prepare("sh", "-c", "echo out; exit 3"))
    assert failed == {**LIFE, "ListTasks": 1}, "only its task tells the exit code"


def test_the_status_of_many_is_one_listing(make_executor: Any, cloud: LocalCloudRun, prepare: Any) -> None:
    """500 running executions of one definition: 100 a page, as many calls as there are pages."""
    executor = make_executor()
    request = prepare("sleep", "600")
    launched = executor.launch_job(request).execution_id
    ids = [launched, *cloud.cloud.imitate(launched, 499)]
    try:
        cloud.counted()
        states = executor.check_statuses(ids)
        assert Counter(state.status for state in states.values()) == {ExecutionStatus.RUNNING: 500}
        assert cloud.counted() == {"ListExecutions": 5}
        assert executor.check_statuses(ids[:1])[launched].status is ExecutionStatus.RUNNING
        assert cloud.counted() == {"GetExecution": 1}
    finally:
        cloud.cloud.forget(ids[1:])
        executor.cleanup(launched)


def test_a_hundred_equal_jobs_have_one_definition(engine: Engine, make_executor: Any, prepare: Any) -> None:
    """Each with arguments, variables and a timeout of its own."""
    with LocalCloudRun(engine_url=engine.base_url, starts=False) as cloud:
        executors = [make_executor(cloud), make_executor(cloud)]

        def launch(number: int) -> str:
            request = prepare("echo", str(number), environment={"NUMBER": str(number)}, timeout_seconds=60.0 + number)
            return str(executors[number % 2].launch_job(request).execution_id)

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(launch, range(100)))
        assert len({execution_id.partition("/executions/")[0] for execution_id in ids}) == 1
        assert cloud.calls["CreateJob"] <= 2, "at most one call of each worker"
        assert len(cloud.cloud.job_names()) == 1


def test_a_definition_that_another_thread_made_meanwhile_is_not_made_again(
    engine: Engine, make_executor: Any, prepare: Any
) -> None:
    """Between the answer that it is missing and the making, any time may pass: here another attempt's whole launch."""
    with LocalCloudRun(engine_url=engine.base_url, starts=False) as cloud:
        executor = make_executor(cloud)
        executor.launch_job(
            attrs.evolve(prepare("echo", "1"), report=lambda line: executor.launch_job(prepare("echo", "2")))
        )
        assert cloud.calls["CreateJob"] == 1
        assert cloud.calls["RunJob"] == 4, "each attempt was refused once, and then run"


def test_a_listing_of_others_is_given_up_for_single_calls(
    make_executor: Any, cloud: LocalCloudRun, prepare: Any
) -> None:
    """Two executions of different definitions, behind 300 of somebody else's: two pages, then one call each."""
    executor = make_executor()
    requests = [prepare("sleep", "600", working_directory=folder) for folder in ("/", "/tmp")]
    ids = [executor.launch_job(request).execution_id for request in requests]
    others = cloud.cloud.imitate(ids[0], 300)
    try:
        cloud.counted()
        states = executor.check_statuses(ids)
        assert {state.status for state in states.values()} == {ExecutionStatus.RUNNING}
        assert cloud.counted() == {"ListExecutions": 2, "GetExecution": 2}
    finally:
        cloud.cloud.forget(others)
        for execution_id in ids:
            executor.cleanup(execution_id)
