"""A start that nobody knows of, on a platform that shows it late and would start it twice, like Cloud Run."""

from typing import Any

import pytest
from worker.simulation import SETTINGS, Crash, Simulation

from container_manager_core import JobStatus
from container_manager_core.errors import TransientError
from container_manager_core.executors.mock import Outcome

LOST = TransientError("the connection broke", may_have_started=True)
GRACE, LEASE = SETTINGS.lost_grace_seconds, SETTINGS.lease_seconds


def world_that_shows_late(seconds: float = 5, **platform: Any) -> Simulation:
    outcome = Outcome(duration_seconds=60)
    return Simulation(idempotent_launch=False, visible_after_seconds=seconds, outcome=outcome, **platform)


class CrashAfter:
    """Burns once a condition is met, at the next call."""

    def __init__(self, met: Any) -> None:
        self._met = met

    def __call__(self) -> None:
        if self._met():
            raise Crash


def test_a_slow_start_whose_answer_was_lost_is_waited_for_from_its_end_on() -> None:
    """The intent is older than the grace by then; the start is not."""
    world = world_that_shows_late()
    world.platform.scripted_faults.add("launch_job", LOST, accepted=True, delay_seconds=GRACE + 1)
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.platform.starts == [f"cm-{job_id}-1"]


def test_a_second_start_whose_answer_was_lost_too_is_waited_for_as_long_as_the_first() -> None:
    world = world_that_shows_late()
    world.platform.scripted_faults.add("launch_job", LOST)
    world.platform.scripted_faults.add("launch_job", LOST, accepted=True)
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.platform.starts == [f"cm-{job_id}-1"]


def test_a_start_by_a_worker_that_died_is_waited_for_from_the_adoption_on() -> None:
    """It may have begun at the very end of the lease: here a second before, and it is seen 9 s later."""
    late = LEASE * 0.75
    world = world_that_shows_late(seconds=9)
    world.platform.scripted_faults.add("launch_job", delay_seconds=late)
    job_id = world.submit()
    with pytest.raises(Crash):
        world.run(world.worker(CrashAfter(lambda: world.platform.starts)))
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.COMPLETED
    assert world.platform.starts == [f"cm-{job_id}-1"]


def test_a_job_that_is_cancelled_while_its_start_is_not_seen_yet_is_stopped_and_not_forgotten() -> None:
    world = world_that_shows_late()
    world.platform.scripted_faults.add("launch_job", LOST, accepted=True)
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=1)
    world.manager.cancel(job_id)
    world.run(worker, seconds=30)
    assert world.job(job_id).status is JobStatus.CANCELLED
    assert world.left_over() == []


def test_a_job_that_is_cancelled_and_was_never_started_ends_after_the_grace() -> None:
    world = world_that_shows_late()
    world.platform.scripted_faults.add("launch_job", LOST)
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=1)
    world.manager.cancel(job_id)
    world.run(worker, seconds=GRACE * 1.5)
    assert world.job(job_id).status is JobStatus.CANCELLED
    assert world.platform.starts == []


def test_what_is_not_seen_is_looked_for_less_and_less_often() -> None:
    """A hundred adopted jobs shall not use up the platform's rate by looking."""
    world = world_that_shows_late()
    world.platform.scripted_faults.add("launch_job", LOST)
    world.submit()
    world.run(world.worker(), seconds=GRACE)
    assert 3 <= world.platform.calls["find_execution"] <= 13
