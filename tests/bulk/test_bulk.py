"""Many jobs at once, and jobs that move between hosts."""

from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from worker.simulation import Crash, Fuse, Simulation

from container_manager_core import (
    ContainerSpec,
    FailureKind,
    Host,
    IllegalTransition,
    JobQuery,
    JobStatus,
    NotFound,
    Resources,
    RetryPolicy,
)
from container_manager_core.acceptance import Submission
from container_manager_core.bulk import BATCH
from container_manager_core.executors.mock import Outcome
from container_manager_core.job import StopReason
from container_manager_core.store.protocol import ADDED_AT_ONCE

SPEC = ContainerSpec(image="alpine")
FOREVER = Outcome(duration_seconds=float("inf"))


def two_hosts(**facts: Any) -> Simulation:
    hosts = [Host(name=name, executor="mock", max_concurrent_jobs=1000) for name in ("old", "new")]
    return Simulation(*hosts, **facts)


def test_a_batch_that_is_submitted_again_adds_only_what_is_missing() -> None:
    """As after an interruption between two writes."""
    world = Simulation()
    wanted = [Submission(spec=SPEC, name=f"job {number}") for number in range(2 * ADDED_AT_ONCE + 10)]
    seen: list[tuple[int, int]] = []

    def interrupted(done: int, total: int) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.manager.submit_many(wanted, batch="nightly", on_batch=interrupted)
    assert seen == [(ADDED_AT_ONCE, len(wanted))]
    stored = world.manager.submit_many(wanted, batch="nightly", on_batch=lambda done, total: seen.append((done, total)))
    assert len(stored) == ADDED_AT_ONCE + 10
    assert seen[1:] == [
        (ADDED_AT_ONCE, len(wanted)),
        (2 * ADDED_AT_ONCE, len(wanted)),
        (len(wanted), len(wanted)),
    ]
    assert world.manager.submit_many(wanted, batch="nightly") == []
    everything = world.manager.list(JobQuery(limit=2 * len(wanted)))
    assert sorted(job.name for job in everything) == sorted(each.name for each in wanted)
    assert len(world.manager.submit_many(wanted[:3], batch="weekly")) == 3
    assert len(world.manager.submit_many(wanted[:3])) == 3


def test_nothing_of_a_batch_is_stored_when_one_job_cannot_be_accepted() -> None:
    world = Simulation()
    with pytest.raises(NotFound, match="no host is called 'nowhere'"):
        world.manager.submit_many([SPEC, Submission(spec=SPEC, host="nowhere")])
    assert world.manager.list() == []


def test_all_that_match_are_cancelled_and_the_rest_is_left() -> None:
    world = two_hosts(outcome=FOREVER)
    running = [world.submit(host="old") for _ in range(3)]
    worker = world.worker()
    world.run(worker, seconds=1)
    pending = [world.submit(host="old", labels={"team": "red"}) for _ in range(BATCH + 5)]
    others = [world.submit(host="new")]
    progress: list[tuple[int, int]] = []
    result = world.manager.bulk.cancel(
        JobQuery(host="old", limit=1), lambda done, total: progress.append((done, total))
    )
    assert set(result.done) == {*running, *pending}
    assert progress == [(BATCH, BATCH + 8), (BATCH + 8, BATCH + 8)]
    assert {world.job(job_id).status for job_id in pending} == {JobStatus.CANCELLED}
    world.run(worker, seconds=5)
    assert {world.job(job_id).status for job_id in running} == {JobStatus.CANCELLED}
    assert world.job(others[0]).cancel_requested_at is None
    assert world.manager.bulk.cancel(JobQuery(host="old")).done == ()


def test_finished_jobs_are_restarted_by_status() -> None:
    world = Simulation()
    failed = [world.submit(labels={"mock.exit_code": "1"}) for _ in range(4)]
    completed = [world.submit() for _ in range(2)]
    worker = world.worker()
    world.run(worker)
    result = world.manager.bulk.restart(JobQuery(statuses=[JobStatus.FAILED, JobStatus.PENDING]))
    assert (set(result.done), result.left) == (set(failed), ())
    assert {world.job(job_id).status for job_id in failed} == {JobStatus.PENDING}
    assert {world.job(job_id).status for job_id in completed} == {JobStatus.COMPLETED}
    world.run(worker)
    assert {world.job(job_id).attempt for job_id in failed} == {2}


def test_only_the_named_jobs_are_meant() -> None:
    world = Simulation()
    jobs = [world.submit() for _ in range(3)]
    assert set(world.manager.bulk.cancel(JobQuery(ids=jobs[:2])).done) == set(jobs[:2])
    assert world.job(jobs[2]).status is JobStatus.PENDING


def test_a_pending_job_is_moved_and_runs_there() -> None:
    world = two_hosts()
    job_id = world.submit(host="old")
    assert world.manager.move(job_id, "new").requested_host == "new"
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert (world.platforms["old"].starts, world.platforms["new"].starts) == ([], [f"cm-{job_id}-1"])


def test_a_running_job_is_stopped_and_starts_anew_elsewhere() -> None:
    """Only after the stop is confirmed; and none of its attempts is used up by that."""
    world = two_hosts(outcome=Outcome(duration_seconds=1000, stop_seconds=5))
    job_id = world.submit(host="old")
    worker = world.worker()
    world.run(worker, seconds=10)
    assert world.job(job_id).host == "old"
    world.manager.move(job_id, "new")
    world.run(worker, seconds=30)
    job = world.job(job_id)
    assert (job.status, job.host, job.attempt) == (JobStatus.RUNNING, "new", 2)
    first = world.manager.executions(job_id)[0]
    assert (first.status, first.stop_reason) == (JobStatus.CANCELLED, StopReason.MOVED)
    assert first.failure is not None
    assert str(first.failure) == "cancelled: it was moved to new"
    assert first.finished_at is not None
    assert job.execution is not None
    assert first.finished_at <= job.execution.created_at
    world.run(worker, seconds=2000, tick=5)
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.left_over() == []


@pytest.mark.parametrize("burns_at", range(1, 90, 2))
def test_a_worker_that_dies_during_a_move_leaves_one_clean_way_on(burns_at: int) -> None:
    """The job ends on the host it was moved to, and never runs on both at once."""
    world = two_hosts(outcome=Outcome(duration_seconds=100, stop_seconds=3))
    job_id = world.submit(host="old")
    first = world.worker()
    world.run(first, seconds=5)
    world.store.release(first.id)
    world.manager.move(job_id, "new")
    with suppress(Crash):
        world.run(world.worker(Fuse(burns_at)), seconds=60)
    world.run(world.worker(), seconds=600)
    job = world.job(job_id)
    assert (job.status, job.host) == (JobStatus.COMPLETED, "new")
    attempts = world.manager.executions(job_id)
    for earlier, later in pairwise(attempts):
        assert earlier.finished_at is not None
        assert earlier.finished_at <= later.created_at
    assert len(world.platforms["old"].starts) == 1
    assert len(world.platforms["new"].starts) == 1
    assert world.left_over() == []


def test_a_cancellation_beats_a_move() -> None:
    world = two_hosts(outcome=Outcome(duration_seconds=1000, stop_seconds=5))
    job_id = world.submit(host="old")
    worker = world.worker()
    world.run(worker, seconds=5)
    world.manager.move(job_id, "new")
    world.manager.cancel(job_id)
    world.run(worker, seconds=60)
    assert world.job(job_id).status is JobStatus.CANCELLED
    assert world.platforms["new"].starts == []


def test_a_job_that_ends_before_it_is_stopped_is_not_run_again() -> None:
    world = two_hosts(outcome=Outcome(duration_seconds=10))
    job_id = world.submit(host="old")
    worker = world.worker()
    world.run(worker, seconds=1)
    world.clock.advance(20)
    worker.on_event("old", world.job(job_id).execution.execution_id)  # type: ignore[union-attr]
    world.run(worker, seconds=0.1)
    world.manager.bulk.move(JobQuery(ids=[job_id]), "new")
    world.run(worker, seconds=60)
    assert (world.job(job_id).status, world.job(job_id).attempt) == (JobStatus.COMPLETED, 1)


def test_a_host_that_cannot_run_a_job_does_not_get_it() -> None:
    world = two_hosts(outcome=FOREVER)
    fits, too_big = world.submit(host="old"), world.submit(host="old", resources=Resources(memory_mib=8192))
    result = world.manager.bulk.move(JobQuery(host="old"), "new")
    assert result.done == (fits,)
    ((left, reason),) = result.left
    assert left == too_big
    assert reason.startswith("new cannot run it: ")
    assert world.job(too_big).requested_host == "old"
    with pytest.raises(IllegalTransition, match="new cannot run it"):
        world.manager.move(too_big, "new")
    with pytest.raises(NotFound, match="no host is called 'nowhere'"):
        world.manager.move(fits, "nowhere")


def test_a_finished_job_cannot_be_moved() -> None:
    world = two_hosts()
    job_id = world.submit(host="old")
    world.run(world.worker())
    with pytest.raises(IllegalTransition, match="it has ended; restart it"):
        world.manager.move(job_id, "new")
    assert world.manager.bulk.move(JobQuery(), "new").done == ()


def test_moved_attempts_use_up_no_retry() -> None:
    world = two_hosts(outcome=Outcome(duration_seconds=50, exit_code=1))
    job_id = world.submit(host="old", retry=RetryPolicy(max_attempts=2, backoff_seconds=0))
    worker = world.worker()
    for host in ("new", "old", "new"):
        world.run(worker, seconds=5)
        world.manager.move(job_id, host)
    world.run(worker, seconds=300)
    kinds = [attempt.failure.kind for attempt in world.manager.executions(job_id) if attempt.failure]
    assert kinds == [FailureKind.CANCELLED] * 3 + [FailureKind.EXIT] * 2
