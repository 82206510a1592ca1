"""What the mock platform plays: outcomes, faults and time, without a thread or a timer."""

import threading
import tracemalloc
from typing import Any
from uuid import UUID, uuid4

import pytest

from container_manager_core.clock import VirtualClock
from container_manager_core.errors import CapacityError, ExecutorError, InvalidInput, PermanentError, TransientError
from container_manager_core.executor import (
    Capability,
    ExecutionRequest,
    ExecutionStatus,
    ExecutorContext,
)
from container_manager_core.executors.mock import Call, MockOptions, MockPlatform, Outcome, Output, SeededFaults
from container_manager_core.executors.mock.executor import MockExecutor
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.plugins import Plugins
from container_manager_core.spec import ContainerSpec

CONTEXT = ExecutorContext(host="test", installation_id="ours")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def executor_on(platform: MockPlatform) -> MockExecutor:
    return MockExecutor(MockOptions(platform=platform), CONTEXT)


def request_for(number: int = 0, **spec: Any) -> ExecutionRequest:
    job_id = UUID(int=number) if number else uuid4()
    return ExecutionRequest(
        job_id=job_id,
        attempt=1,
        name=f"cm-{job_id}-1",
        spec=ContainerSpec(image="alpine", **spec),
        installation_id="ours",
    )


def test_a_mock_is_never_chosen_by_accident() -> None:
    assert not Plugins.load().executor_type("mock").automatic
    assert not Plugins.load().executor_type("process").automatic


def test_by_default_everything_succeeds_at_once() -> None:
    executor = MockExecutor(MockOptions(), CONTEXT)
    state = executor.check_status(executor.launch_job(request_for()).execution_id)
    assert (state.status, state.exit_code) == (ExecutionStatus.EXITED, 0)


def test_options_of_a_configuration_file_script_every_job(clock: VirtualClock) -> None:
    options = MockOptions(exit_code=3, duration_seconds=60, stdout="out\n", stderr="err\n")
    executor = MockExecutor(options, ExecutorContext(host="test", installation_id="ours", clock=clock))
    execution_id = executor.launch_job(request_for()).execution_id
    clock.advance(59.9)
    assert executor.check_status(execution_id).status is ExecutionStatus.RUNNING
    clock.advance(0.2)
    assert executor.check_status(execution_id).exit_code == 3
    assert (executor.get_logs(execution_id).stdout, executor.get_logs(execution_id).stderr) == (b"out\n", b"err\n")


def test_labels_script_one_job(clock: VirtualClock) -> None:
    executor = executor_on(MockPlatform(clock=clock))
    labels = {"mock.exit_code": "4", "mock.duration_seconds": "5", "mock.stdout": "hello", "team": "red"}
    execution_id = executor.launch_job(request_for(labels=labels)).execution_id
    clock.advance(5)
    assert executor.check_status(execution_id).exit_code == 4
    assert executor.get_logs(execution_id).stdout == b"hello"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"mock.exit_code": "many"}, r"labels\['mock.exit_code'\]: 'many' cannot be used"),
        ({"mock.exitcode": "1"}, r"labels\['mock.exitcode'\]: .* no such label; use mock.exit_code, "),
        ({"mock.failure": "bad-luck"}, r"labels\['mock.failure'\]: 'bad-luck' cannot be used"),
    ],
)
def test_a_label_that_cannot_be_understood_is_refused(labels: dict[str, str], message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        executor_on(MockPlatform()).launch_job(request_for(labels=labels))


@pytest.mark.parametrize("kind", [FailureKind.IMAGE, FailureKind.CREDENTIALS, FailureKind.QUOTA, FailureKind.SPEC])
def test_a_refused_launch_starts_nothing(kind: FailureKind) -> None:
    platform = MockPlatform()
    with pytest.raises(PermanentError) as caught:
        executor_on(platform).launch_job(request_for(labels={"mock.failure": kind.value}))
    assert caught.value.kind is kind
    assert platform.starts == []


def test_an_out_of_memory_kill_comes_with_its_reason() -> None:
    executor = MockExecutor(MockOptions(failure=FailureKind.OUT_OF_MEMORY), CONTEXT)
    state = executor.check_status(executor.launch_job(request_for()).execution_id)
    assert state.exit_code == 137
    assert state.failure is not None
    assert state.failure.kind is FailureKind.OUT_OF_MEMORY


def test_capacity_is_counted_from_what_runs(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, capacity=2, outcome=Outcome(duration_seconds=10))
    executor = executor_on(platform)
    first = executor.launch_job(request_for()).execution_id
    executor.launch_job(request_for())
    with pytest.raises(CapacityError):
        executor.launch_job(request_for())
    executor.cancel(first, 1.0)
    executor.cancel(first, 1.0)
    executor.launch_job(request_for())
    with pytest.raises(CapacityError):
        executor.launch_job(request_for())
    clock.advance(10)
    executor.launch_job(request_for())


def test_an_answer_lost_after_acceptance_is_found_again() -> None:
    platform = MockPlatform()
    platform.scripted_faults.add("launch_job", TransientError("cut off", may_have_started=True), accepted=True)
    executor, request = executor_on(platform), request_for()
    with pytest.raises(TransientError) as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert executor.find_execution(request) == request.name
    executor.launch_job(request)
    assert platform.starts == [request.name]


def test_a_call_that_fails_before_acceptance_changes_nothing() -> None:
    platform = MockPlatform()
    platform.scripted_faults.add("launch_job", TransientError("no connection"))
    executor, request = executor_on(platform), request_for()
    with pytest.raises(TransientError):
        executor.launch_job(request)
    assert (platform.starts, executor.find_execution(request)) == ([], None)


def test_a_storm_ends_after_its_calls() -> None:
    platform = MockPlatform()
    platform.scripted_faults.add("*", TransientError("429: slow down"), times=5)
    executor = executor_on(platform)
    for _ in range(5):
        with pytest.raises(TransientError, match="429"):
            executor.check_status("any")
    assert executor.check_status("any").status is ExecutionStatus.NOT_FOUND
    assert platform.calls["check_status"] == 6


def test_a_new_execution_is_missing_and_then_found(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, visible_after_seconds=2)
    executor, request = executor_on(platform), request_for()
    executor.launch_job(request)
    assert executor.find_execution(request) is None
    assert executor.check_status(request.name).status is ExecutionStatus.NOT_FOUND
    clock.advance(2)
    assert executor.find_execution(request) == request.name


def test_a_platform_without_idempotence_shows_a_hasty_relaunch(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, visible_after_seconds=2, idempotent_launch=False)
    executor, request = executor_on(platform), request_for()
    assert Capability.IDEMPOTENT_LAUNCH not in executor.capabilities
    executor.launch_job(request)
    executor.launch_job(request)
    assert platform.started_twice == [request.name]
    clock.advance(2)
    assert len(executor.list_owned()) == 2
    executor.launch_job(request)
    assert len(platform.starts) == 2


def test_logs_come_late(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, logs_after_seconds=3, outcome=Outcome(output=(Output(data=b"late"),)))
    executor = executor_on(platform)
    execution_id = executor.launch_job(request_for()).execution_id
    assert executor.check_status(execution_id).has_ended
    assert executor.get_logs(execution_id).stdout == b""
    clock.advance(3)
    assert executor.get_logs(execution_id).stdout == b"late"


def test_a_lost_execution_is_not_found_any_more(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, outcome=Outcome(duration_seconds=100, lost_after_seconds=10))
    executor, request = executor_on(platform), request_for()
    executor.launch_job(request)
    assert executor.check_status(request.name).status is ExecutionStatus.RUNNING
    clock.advance(10)
    assert executor.check_status(request.name).status is ExecutionStatus.NOT_FOUND
    assert executor.list_owned() == []


def test_one_that_is_stopped_before_it_has_started_is_over(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, outcome=Outcome(duration_seconds=100, start_delay_seconds=60))
    executor, request = executor_on(platform), request_for()
    executor.launch_job(request)
    state = executor.check_status(request.name)
    assert (state.status, state.started_at) == (ExecutionStatus.RUNNING, None)
    executor.cancel(request.name, 0)
    state = executor.check_statuses([request.name])[request.name]
    assert (state.has_ended, state.exit_code, state.started_at, state.finished_at) == (True, 137, None, clock.now())


def test_the_same_seed_brings_the_same_faults() -> None:
    calls = [Call(method="launch_job", name=f"job-{number}", number=1) for number in range(300)]
    first, again, other = ([fault is not None for fault in map(SeededFaults(seed, 0.3), calls)] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert 50 < sum(first) < 130


def test_seeded_chaos_starts_nothing_twice() -> None:
    """A caller that looks before it launches again starts each attempt once, whatever answers are lost."""
    platform = MockPlatform(faults=SeededFaults(7, 0.5, methods=["launch_job", "find_execution"]))
    executor = executor_on(platform)
    requests = [request_for(number) for number in range(1, 51)]
    for request in requests:
        _launch_whatever_happens(executor, request)
    assert platform.started_twice == []
    assert sorted(platform.starts) == sorted(request.name for request in requests)
    assert platform.calls["launch_job"] > 60


def _launch_whatever_happens(executor: MockExecutor, request: ExecutionRequest) -> None:
    for _ in range(50):
        try:
            executor.launch_job(request)
        except ExecutorError:
            continue
        return
    raise AssertionError("50 faults in a row at a probability of one half")


def test_waiting_moves_a_virtual_clock(clock: VirtualClock) -> None:
    """A command that ignores the stop is killed after the grace period, in no real time."""
    platform = MockPlatform(clock=clock, outcome=Outcome(duration_seconds=600, stop_seconds=float("inf")))
    executor = executor_on(platform)
    execution_id = executor.launch_job(request_for()).execution_id
    executor.cancel(execution_id, 10.0)
    assert clock.monotonic() == 10.0
    assert executor.check_status(execution_id).exit_code == 137


def test_a_clock_that_jumps_changes_no_duration(clock: VirtualClock) -> None:
    executor = executor_on(MockPlatform(clock=clock, outcome=Outcome(duration_seconds=10)))
    execution_id = executor.launch_job(request_for()).execution_id
    clock.jump(-3600)
    assert executor.check_status(execution_id).status is ExecutionStatus.RUNNING
    clock.advance(10)
    state = executor.check_status(execution_id)
    assert state.started_at is not None
    assert state.finished_at is not None
    assert (state.finished_at - state.started_at).total_seconds() == 10


def test_an_execution_can_be_ended_by_hand(clock: VirtualClock) -> None:
    platform = MockPlatform(clock=clock, outcome=Outcome(duration_seconds=600))
    executor = executor_on(platform)
    execution_id = executor.launch_job(request_for()).execution_id
    platform.finish(execution_id, 9, Failure(kind=FailureKind.PLATFORM))
    state = executor.check_status(execution_id)
    assert (state.exit_code, state.failure) == (9, Failure(kind=FailureKind.PLATFORM))
    platform.finish(execution_id, 0)
    assert executor.check_status(execution_id).exit_code == 9


def test_a_dead_platform_answers_nothing_until_it_is_back() -> None:
    platform = MockPlatform()
    executor, request = executor_on(platform), request_for()
    platform.is_reachable = False
    assert not executor.check_health().ok
    with pytest.raises(TransientError):
        executor.launch_job(request)
    platform.is_reachable = True
    assert executor.check_health().ok
    executor.launch_job(request)
    assert platform.starts == [request.name]


def test_events_follow_a_virtual_clock(clock: VirtualClock) -> None:
    executor = executor_on(MockPlatform(clock=clock, outcome=Outcome(duration_seconds=600)))
    stopped = threading.Event()
    events = executor.events(stopped)
    assert next(events).execution_id is None
    execution_id = executor.launch_job(request_for()).execution_id
    clock.advance(600)
    assert next(events).execution_id == execution_id
    stopped.set()
    assert list(events) == []


def test_a_thousand_running_jobs_need_no_thread_and_little_memory() -> None:
    platform = MockPlatform(outcome=Outcome(duration_seconds=600))
    executor, requests = executor_on(platform), [request_for(number) for number in range(1, 1001)]
    threads = threading.active_count()
    tracemalloc.start()
    for request in requests:
        executor.launch_job(request)
    states = executor.check_statuses([request.name for request in requests])
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {state.status for state in states.values()} == {ExecutionStatus.RUNNING}
    assert threading.active_count() <= threads
    assert grown < 4 * 1024 * 1024


def test_a_platform_can_only_be_one_that_was_made_in_python() -> None:
    with pytest.raises(InvalidInput, match=r"platform: 'local' is no MockPlatform.*make one in Python"):
        MockOptions(platform="local")
