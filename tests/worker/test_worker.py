"""What a worker does with jobs, on a virtual clock."""

import itertools
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from worker.simulation import SETTINGS, Simulation

from container_manager_core import (
    CapacityError,
    FailureKind,
    Host,
    JobStatus,
    PermanentError,
    Resources,
    RetryPolicy,
    TransientError,
    UpstreamError,
)
from container_manager_core.executors.mock import Outcome, Output
from container_manager_core.lanes import ThreadLanes
from container_manager_core.worker import GATHER_SECONDS, HEED_SECONDS

FOREVER = Outcome(duration_seconds=float("inf"))


def test_a_job_runs_once_and_leaves_its_facts_and_nothing_else() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=5, output=(Output(data=b"hello\n"),)))
    job_id = world.submit()
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.exit_code, job.attempt) == (JobStatus.COMPLETED, 0, 1)
    assert world.manager.logs(job_id).stdout == b"hello\n"
    assert job.started_at is not None
    assert job.finished_at == job.started_at + timedelta(seconds=5)
    assert world.platform.starts == [f"cm-{job_id}-1"]
    assert world.left_over() == []


def test_higher_priority_goes_first_and_then_the_oldest() -> None:
    world = Simulation(Host(name="mock", executor="mock", max_concurrent_jobs=1))
    low, high, second = world.submit(priority=1), world.submit(priority=9), world.submit(priority=1)
    world.run(world.worker())
    assert world.platform.starts == [f"cm-{job_id}-1" for job_id in (high, low, second)]


def test_a_scheduled_job_waits_for_its_time() -> None:
    world = Simulation()
    due = world.clock.now() + timedelta(seconds=100)
    job_id = world.submit(scheduled_at=due)
    world.run(world.worker())
    started = world.job(job_id).started_at
    assert started is not None
    assert due <= started <= due + timedelta(seconds=2)


def test_an_exit_code_fails_the_job_and_says_so() -> None:
    world = Simulation(outcome=Outcome(exit_code=3))
    job_id = world.submit()
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 3)
    assert job.failure is not None
    assert str(job.failure) == "exit: the command ended with exit code 3"


def test_a_failed_attempt_is_tried_again_after_a_pause_and_stays_in_the_history() -> None:
    codes = iter([1, 1, 0])
    world = Simulation(outcome=lambda request: Outcome(exit_code=next(codes)))
    job_id = world.submit(retry=RetryPolicy(max_attempts=3, backoff_seconds=10, jitter=0))
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    attempts = world.manager.executions(job_id)
    assert [attempt.exit_code for attempt in attempts] == [1, 1, 0]
    pauses = [later.created_at - earlier.created_at for earlier, later in itertools.pairwise(attempts)]
    assert timedelta(seconds=10) <= pauses[0] <= timedelta(seconds=13)
    assert timedelta(seconds=20) <= pauses[1] <= timedelta(seconds=23)
    assert world.left_over() == []


def test_a_permanent_failure_is_never_tried_again() -> None:
    world = Simulation()
    world.platform.scripted_faults.add("launch_job", PermanentError("no such image", FailureKind.IMAGE))
    job_id = world.submit(retry=RetryPolicy(max_attempts=5))
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.IMAGE


def test_no_room_on_a_platform_does_not_use_up_the_attempts() -> None:
    world = Simulation()
    world.platform.scripted_faults.add("launch_job", CapacityError("no room"), times=3)
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert [attempt.failure and attempt.failure.kind for attempt in world.manager.executions(job_id)] == [
        FailureKind.CAPACITY,
        FailureKind.CAPACITY,
        FailureKind.CAPACITY,
        None,
    ]


@pytest.mark.parametrize(("error", "at_once"), [(UpstreamError, True), (TransientError, False)])
def test_a_registry_that_does_not_answer_for_one_job_keeps_no_other_from_its_host(
    error: type[TransientError], at_once: bool
) -> None:
    world = Simulation()
    world.platform.scripted_faults.add("launch_job", error("no answer"))
    first = world.submit(retry=RetryPolicy(backoff_seconds=600, jitter=0))
    worker = world.worker()
    worker.step()
    second = world.submit()
    worker.step()
    assert world.job(first).status is JobStatus.PENDING
    assert (world.job(second).status is not JobStatus.PENDING) == at_once


def test_a_lost_answer_to_a_launch_starts_nothing_twice() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=5))
    error = TransientError("the connection broke", may_have_started=True)
    world.platform.scripted_faults.add("launch_job", error, accepted=True)
    job_id = world.submit()
    world.run(world.worker())
    assert (world.job(job_id).status, world.job(job_id).attempt) == (JobStatus.COMPLETED, 1)
    assert world.platform.starts == [f"cm-{job_id}-1"]
    assert world.platform.calls["launch_job"] == 1


def test_watched_output_is_taken_over_while_the_job_runs_and_not_again_at_its_end() -> None:
    output = [Output(data=b"%d\n" % second, at_seconds=second) for second in range(20)]
    world = Simulation(outcome=Outcome(duration_seconds=30, output=tuple(output)))
    job_id = world.submit()
    worker = world.worker()
    world.store.watch(job_id, world.clock.now() + timedelta(seconds=10))
    world.run(worker, seconds=6)
    assert world.job(job_id).status is JobStatus.RUNNING
    assert world.manager.logs(job_id).stdout.startswith(b"0\n1\n2\n3\n")
    world.store.release(worker.id)
    world.run(world.worker())
    assert world.manager.logs(job_id).stdout == b"".join(piece.data for piece in output)


def test_output_is_read_no_more_once_nobody_watches() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=300))
    job_id = world.submit()
    worker = world.worker()
    world.store.watch(job_id, world.clock.now() + timedelta(seconds=10))
    world.run(worker, seconds=15)
    read = world.platform.calls["read_logs"]
    assert read > 10
    world.run(worker, seconds=15)
    assert world.platform.calls["read_logs"] == read
    world.store.watch(job_id, world.clock.now() + timedelta(seconds=10))
    world.run(worker, seconds=5)
    assert world.platform.calls["read_logs"] > read


def test_a_lost_question_to_a_platform_without_idempotence_is_asked_again_only_after_the_grace() -> None:
    """Cloud Run and Scaleway would start it twice: it must first be certain that nothing was started."""
    world = Simulation(idempotent_launch=False, visible_after_seconds=5, outcome=Outcome(duration_seconds=60))
    error = TransientError("the connection broke", may_have_started=True)
    world.platform.scripted_faults.add("launch_job", error, accepted=True)
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.platform.started_twice == []


def test_a_step_that_failed_is_tried_again_before_the_next_look_at_the_store() -> None:
    seldom = attrs.evolve(SETTINGS, poll_interval_seconds=300)
    world = Simulation(settings=seldom, outcome=Outcome(duration_seconds=600))
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=5)
    world.platform.scripted_faults.add("cancel", RuntimeError("a mistake of a plugin: no fault of the host's"))
    world.manager.cancel(job_id)
    world.run(worker, seconds=5)
    assert world.platform.calls["cancel"] == 2


@pytest.mark.parametrize("after_seconds", [0, 0.5, 7])
def test_a_cancelled_job_ends_once_as_cancelled(after_seconds: float) -> None:
    world = Simulation(outcome=Outcome(duration_seconds=100, start_delay_seconds=2, stop_seconds=1))
    job_id = world.submit()
    worker = world.worker()
    if after_seconds:
        world.run(worker, seconds=after_seconds)
    world.manager.cancel(job_id)
    world.manager.cancel(job_id) if not world.job(job_id).status.is_terminal else None
    world.run(worker)
    job = world.job(job_id)
    assert job.status is JobStatus.CANCELLED
    assert job.failure is not None
    assert job.failure.kind is FailureKind.CANCELLED
    assert world.left_over() == []


def test_a_command_that_ignores_the_polite_stop_is_killed_after_its_grace() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=1000, stop_seconds=float("inf")))
    job_id = world.submit(timeout_seconds=20, stop_grace_seconds=7)
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.exit_code) == (JobStatus.TIMEOUT, 137)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert timedelta(seconds=27) <= job.finished_at - job.started_at <= timedelta(seconds=29)


def test_a_timeout_survives_the_worker() -> None:
    world = Simulation(outcome=FOREVER)
    job_id = world.submit(timeout_seconds=100)
    world.run(world.worker(), seconds=50)
    world.run(world.worker())
    job = world.job(job_id)
    assert job.status is JobStatus.TIMEOUT
    assert job.started_at is not None
    assert job.finished_at is not None
    assert timedelta(seconds=100) <= job.finished_at - job.started_at <= timedelta(seconds=102)


def test_a_cancellation_survives_the_worker() -> None:
    world = Simulation(outcome=FOREVER)
    job_id = world.submit()
    world.run(world.worker(), seconds=5)
    world.manager.cancel(job_id)
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.CANCELLED


def test_a_job_that_waited_too_long_ends_as_timeout_without_an_attempt() -> None:
    world = Simulation(Host(name="mock", executor="mock", max_concurrent_jobs=1), outcome=FOREVER)
    world.submit(timeout_seconds=300)
    job_id = world.submit(queue_timeout_seconds=30)
    world.run(world.worker(), seconds=60)
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.TIMEOUT, 0)
    assert "waited longer than its limit of 30 s" in str(job.failure)


def test_all_that_waited_too_long_end_in_time_however_many_wait() -> None:
    world = Simulation(Host(name="mock", executor="mock", max_concurrent_jobs=1), outcome=FOREVER)
    world.submit(timeout_seconds=1000, priority=100)
    waiting = [world.submit(queue_timeout_seconds=30, priority=number) for number in range(90)]
    world.run(world.worker(), seconds=40)
    assert {world.job(job_id).status for job_id in waiting} == {JobStatus.TIMEOUT}


def test_the_wait_of_a_scheduled_job_counts_from_its_time() -> None:
    world = Simulation()
    due = world.clock.now() + timedelta(seconds=100)
    job_id = world.submit(scheduled_at=due, queue_timeout_seconds=30)
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_a_launch_that_takes_too_long_ends_as_timeout() -> None:
    world = Simulation()
    world.platform.scripted_faults.add("launch_job", TransientError("?", may_have_started=True), times=1000)
    world.platform.scripted_faults.add("find_execution", TransientError("?"), times=20)
    job_id = world.submit(launch_timeout_seconds=30)
    world.run(world.worker())
    job = world.job(job_id)
    assert job.status is JobStatus.TIMEOUT
    assert "launching longer" in str(job.failure)


def test_an_execution_that_is_missing_for_a_moment_is_not_lost() -> None:
    world = Simulation(visible_after_seconds=6, outcome=Outcome(duration_seconds=20))
    job_id = world.submit()
    world.run(world.worker())
    assert (world.job(job_id).status, world.job(job_id).attempt) == (JobStatus.COMPLETED, 1)


def test_an_execution_that_the_platform_forgot_is_lost_and_tried_again() -> None:
    outcomes = iter([Outcome(duration_seconds=1000, lost_after_seconds=50), Outcome(duration_seconds=1)])
    world = Simulation(outcome=lambda request: next(outcomes))
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    first, second = world.manager.executions(job_id)
    assert first.failure is not None
    assert first.failure.kind is FailureKind.LOST
    assert second.created_at - first.created_at >= timedelta(seconds=60)


def test_a_failed_look_changes_no_state() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=60))
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=5)
    world.platform.is_reachable = False
    world.run(worker, seconds=300)
    assert world.job(job_id).status is JobStatus.RUNNING
    world.platform.is_reachable = True
    world.run(worker)
    assert (world.job(job_id).status, world.job(job_id).attempt) == (JobStatus.COMPLETED, 1)


def test_a_dead_host_keeps_jobs_pending_and_says_why_until_it_is_back() -> None:
    world = Simulation()
    world.platform.is_reachable = False
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=3600, tick=2)
    job = world.job(job_id)
    assert job.status is JobStatus.PENDING
    assert job.waiting is not None
    assert "does not answer" in job.waiting
    assert job.attempt <= 2
    world.platform.is_reachable = True
    world.run(worker, seconds=120)
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_a_dead_host_does_not_delay_jobs_of_another() -> None:
    world = Simulation(Host(name="dead", executor="mock"), Host(name="good", executor="mock"))
    world.platforms["dead"].is_reachable = False
    jobs = [world.submit() for _ in range(20)]
    world.run(world.worker(), seconds=30)
    assert {world.job(job_id).status for job_id in jobs} == {JobStatus.COMPLETED}
    assert {world.job(job_id).host for job_id in jobs} == {"good"}


def test_jobs_that_hang_on_a_dead_host_do_not_keep_the_others_from_starting() -> None:
    """They run there, or may: they stay in the worker's hands, but leave its places to others."""
    world = Simulation(Host(name="dead", executor="mock"), Host(name="good", executor="mock"), outcome=FOREVER)
    stuck = [world.submit(host="dead") for _ in range(10)]
    worker = world.worker()
    world.run(worker, seconds=3)
    world.platforms["dead"].is_reachable = False
    late = world.submit(host="good")
    world.run(worker, seconds=10)
    assert world.job(late).status is JobStatus.RUNNING
    assert {world.job(job_id).status for job_id in stuck} == {JobStatus.RUNNING}


def test_weights_share_the_load_in_proportion() -> None:
    world = Simulation(Host(name="big", executor="mock", weight=200), Host(name="small", executor="mock", weight=100))
    for _ in range(90):
        world.submit()
    world.run(world.worker())
    assert len(world.platforms["big"].starts) == 60
    assert len(world.platforms["small"].starts) == 30


def test_capacity_holds_over_several_workers() -> None:
    world = Simulation(Host(name="mock", executor="mock", max_concurrent_jobs=3), outcome=Outcome(duration_seconds=7))
    for _ in range(20):
        world.submit()
    workers = [world.worker() for _ in range(4)]
    most = 0
    for _ in range(400):
        world.run(*workers, seconds=0.5)
        most = max(most, sum(world.store.live_by_host().values()))
    assert most == 3
    assert world.is_settled
    assert world.platform.started_twice == []


def test_a_job_that_nothing_can_run_fails_and_says_why() -> None:
    world = Simulation()
    job_id = world.submit(resources=Resources(memory_mib=99_999))
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 0)
    assert "no host can take it: mock: resources.memory_mib" in str(job.failure)


def test_a_restarted_job_runs_again_with_a_new_attempt() -> None:
    world = Simulation(outcome=Outcome(exit_code=1))
    job_id = world.submit()
    worker = world.worker()
    world.run(worker)
    world.manager.restart(job_id)
    world.run(worker)
    assert (world.job(job_id).attempt, world.job(job_id).status) == (2, JobStatus.FAILED)
    assert world.platform.starts == [f"cm-{job_id}-1", f"cm-{job_id}-2"]


def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    """It slept for longer than its lease; another worker has the job now."""
    world = Simulation(outcome=Outcome(duration_seconds=100))
    job_id = world.submit()
    sleeper, other = world.worker(), world.worker()
    world.run(sleeper, seconds=5)
    world.clock.advance(60)
    other.step()
    held = world.job(job_id)
    assert held.worker == other.id
    for _ in range(10):
        sleeper.step()
    assert world.job(job_id) == held
    world.run(sleeper, other)
    assert (world.job(job_id).status, world.job(job_id).attempt) == (JobStatus.COMPLETED, 1)
    assert world.platform.starts == [f"cm-{job_id}-1"]


def test_a_released_job_is_adopted_at_once() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=100))
    job_id = world.submit()
    first = world.worker()
    world.run(first, seconds=5)
    world.store.release(first.id)
    second = world.worker()
    second.step()
    assert [job.id for job in second.held_jobs] == [job_id]
    assert world.platform.starts == [f"cm-{job_id}-1"]


def _counted(world: Simulation, name: str) -> list[object]:
    """The answers of one of the store's methods from now on."""
    answers: list[object] = []
    method = getattr(world.store, name)

    def call(*arguments: object) -> object:
        answers.append(method(*arguments))
        return answers[-1]

    setattr(world.store, name, call)
    return answers


def test_a_worker_without_a_free_place_claims_nothing_before_its_next_poll() -> None:
    world = Simulation(outcome=FOREVER, settings=attrs.evolve(SETTINGS, max_concurrent_jobs=1))
    running = world.submit()
    full = world.worker()
    world.run(full, seconds=1.5)
    claims = _counted(world, "claim")
    world.submit()
    full.step()
    assert claims == []
    world.clock.advance(SETTINGS.poll_interval_seconds)
    full.step()
    assert claims == [[]]
    world.manager.cancel(running)
    world.run(full, seconds=5)
    assert len(world.platform.starts) == 2


def test_what_others_ask_is_looked_for_no_more_than_twenty_times_a_second_and_heeded() -> None:
    world = Simulation(outcome=FOREVER)
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=1.5)
    looks = _counted(world, "signals")
    for _ in range(40):
        world.submit(labels={"for": "noise"})
        worker.step()
        world.clock.advance(0.005)
    assert 0 < len(looks) <= 5
    world.submit()
    worker.step()
    world.manager.cancel(job_id)
    worker.step()
    world.clock.advance(HEED_SECONDS)
    for _ in range(4):
        worker.step()
    assert world.job(job_id).status is JobStatus.CANCELLED


def test_free_places_are_gathered_for_a_moment_and_then_filled() -> None:
    world = Simulation(outcome=FOREVER)
    for _ in range(7):
        world.submit()
    worker = world.worker()
    world.run(worker, seconds=1)
    assert len(world.platform.starts) == 7
    claims = _counted(world, "claim")
    later = world.clock.now() + timedelta(days=1)
    for _ in range(100):
        world.submit(scheduled_at=later)
        worker.step()
        world.clock.advance(GATHER_SECONDS / 20)
    assert 4 <= len(claims) <= 6
    world.clock.advance(GATHER_SECONDS)
    worker.step()
    world.submit()
    worker.step()
    assert len(world.platform.starts) == 7
    world.clock.advance(GATHER_SECONDS)
    worker.step()
    assert len(world.platform.starts) == 8


def test_it_wakes_up_to_fill_what_was_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Simulation(outcome=FOREVER)
    monkeypatch.setattr(type(world.store), "glance_seconds", 60.0)
    for _ in range(7):
        world.submit()
    worker = world.worker()
    world.run(worker, seconds=0.5)
    worker.step()
    assert worker._pause() > GATHER_SECONDS
    world.submit()
    worker.step()
    world.submit()
    worker.step()
    assert len(world.platform.starts) == 8
    assert 0 < worker._pause() <= 1.01 * GATHER_SECONDS


def test_a_worker_with_half_its_places_free_gathers_nothing() -> None:
    world = Simulation(outcome=FOREVER)
    worker = world.worker()
    worker.step()
    for number in range(5):
        world.submit()
        worker.step()
        assert len(world.platform.starts) == number + 1


def test_a_place_that_became_free_is_filled_though_nothing_tells_of_changes() -> None:
    settings = attrs.evolve(SETTINGS, max_concurrent_jobs=1, poll_interval_seconds=600)
    world = Simulation(outcome=Outcome(duration_seconds=5), settings=settings)
    jobs = [world.submit(), world.submit()]
    worker = world.worker()
    world.run(worker, seconds=1)
    world.store.changed = lambda since: (since, False)  # type: ignore[method-assign]
    world.clock.advance(5)
    worker.on_event("mock", None)
    for _ in range(6):
        worker.step()
    assert world.platform.starts == [f"cm-{job_id}-1" for job_id in jobs]


def test_what_an_ended_attempt_left_is_removed_without_another_turn_of_the_loop() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=5))
    job_id = world.submit()
    worker = world.worker()
    for _ in range(100):
        worker.step()
        world.clock.advance(0.5)
        if world.job(job_id).status is JobStatus.COMPLETED:
            break
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert not world.job(job_id).needs_attention
    assert world.left_over() == []


def test_while_it_is_removed_nobody_else_does_so() -> None:
    world = Simulation()
    job_id = world.submit()
    worker = world.worker(lanes=ThreadLanes(4))
    executor = world.manager.fleet.executor("mock")
    clean_up, removals, removed = executor.cleanup, list[str](), threading.Event()

    def slowly(execution_id: str) -> None:
        removals.append(execution_id)
        removed.wait(10)
        clean_up(execution_id)

    executor.cleanup = slowly  # type: ignore[method-assign]
    deadline = time.monotonic() + 10

    def step_until(is_over: Callable[[], object]) -> None:
        while not is_over():
            assert time.monotonic() < deadline
            worker.step()
            world.clock.advance(0.01)
            time.sleep(0.002)

    step_until(lambda: removals)
    assert world.job(job_id).status is JobStatus.COMPLETED
    steps = itertools.count()
    step_until(lambda: next(steps) == 30)
    removed.set()
    step_until(lambda: world.is_settled)
    assert len(removals) == 1
