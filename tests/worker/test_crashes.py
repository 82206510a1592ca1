"""A worker dies at every single call it makes, and at random in a storm of faults: no job is lost or doubled."""

import random

import pytest
from worker.simulation import Crash, Fuse, Simulation

from container_manager_core import Host, JobStatus, RetryPolicy
from container_manager_core.executors.mock import Outcome, Output, SeededFaults

OUTPUT = (Output(data=b"one\n"), Output(data=b"two\n", at_seconds=2), Output(data=b"three\n", at_seconds=4))
ENDS = {
    "completes": {"outcome": Outcome(duration_seconds=5, output=OUTPUT)},
    "is lost in the launch": {"outcome": Outcome(duration_seconds=5, output=OUTPUT), "idempotent_launch": False},
}


def _calls_of_a_whole_life(**platform: object) -> int:
    fuse = Fuse(10**9)
    world = Simulation(**platform)
    world.submit()
    world.run(world.worker(fuse))
    return 10**9 - fuse.left


@pytest.mark.parametrize("platform", ENDS.values(), ids=ENDS)
def test_a_crash_at_any_call_loses_nothing_and_doubles_nothing(platform: dict[str, object]) -> None:
    """Before and after every call to the store and to the platform in the whole life of a job."""
    calls = _calls_of_a_whole_life(**platform)
    assert calls > 50
    for number in range(1, calls + 1):
        world = Simulation(**platform)
        job_id = world.submit()
        with pytest.raises(Crash):
            world.run(world.worker(Fuse(number)))
        world.run(world.worker())
        job = world.job(job_id)
        where = f"after a crash at call {number} of {calls}"
        assert (job.status, job.exit_code, job.attempt) == (JobStatus.COMPLETED, 0, 1), where
        assert world.platform.starts == [f"cm-{job_id}-1"], where
        assert world.manager.logs(job_id).stdout == b"one\ntwo\nthree\n", where
        assert world.left_over() == [], where


def test_a_crash_at_any_call_of_a_cancellation_ends_it_once() -> None:
    for number in range(1, 200):
        world = Simulation(outcome=Outcome(duration_seconds=1000, stop_seconds=2))
        job_id = world.submit()
        first = world.worker()
        world.run(first, seconds=3)
        world.store.release(first.id)
        world.manager.cancel(job_id)
        try:
            world.run(world.worker(Fuse(number)))
        except Crash:
            world.run(world.worker())
        else:
            return
        assert world.job(job_id).status is JobStatus.CANCELLED, f"after a crash at call {number}"
        assert world.left_over() == []
    raise AssertionError("a cancellation takes more calls than anybody thought")


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_of_faults_and_crashes(seed: int) -> None:
    """Three workers that die at random, two hosts that fail every third call, answers that are lost."""
    chance = random.Random(seed)
    faults = SeededFaults(seed, 0.3, methods=("launch_job", "find_execution", "check_statuses", "cancel", "cleanup"))
    world = Simulation(
        Host(name="one", executor="mock", max_concurrent_jobs=4),
        Host(name="two", executor="mock", max_concurrent_jobs=3),
        faults=faults,
        outcome=lambda request: Outcome(duration_seconds=chance.choice([0, 1, 30]), output=OUTPUT[:1]),
    )
    jobs = [world.submit(retry=RetryPolicy(max_infrastructure_attempts=1000)) for _ in range(25)]
    for job_id in chance.sample(jobs, 5):
        world.manager.cancel(job_id)
    workers = [world.worker(Fuse(chance.randrange(20, 2000))) for _ in range(3)]
    for _ in range(4000):
        for position, worker in enumerate(workers):
            try:
                worker.step()
            except Crash:
                workers[position] = world.worker(Fuse(chance.randrange(20, 2000)))
        assert all(live <= world.hosts[name].max_concurrent_jobs for name, live in world.store.live_by_host().items())
        if world.is_settled:
            break
        world.clock.advance(0.5)
    assert world.is_settled, [job for job in world.manager.list() if not job.status.is_terminal]
    for platform in world.platforms.values():
        assert platform.started_twice == []
    for job_id in jobs:
        job = world.job(job_id)
        assert job.status in (JobStatus.COMPLETED, JobStatus.CANCELLED)
        if job.status is JobStatus.COMPLETED:
            assert world.manager.logs(job_id).stdout == b"one\n"
    assert world.left_over() == []
