"""The jobs in a worker's hands."""

from datetime import UTC, datetime
from uuid import uuid4

from container_manager_core import ContainerSpec, Host, Job, lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.hand import Hand
from container_manager_core.held import Held
from container_manager_core.job import Route

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def _running() -> Job:
    job = Job(id=uuid4(), spec=ContainerSpec(image="alpine"), created_at=NOW, queued_at=NOW)
    launching = lifecycle.launching(job, Host(name="h", executor="mock"), Route(host="h", reason="it is there"), NOW)
    return lifecycle.running(launching, "execution", NOW, {})


def test_a_job_that_was_claimed_anew_stays_when_the_former_claim_is_dropped() -> None:
    """A worker that slept for longer than its lease may take its own job over; its old step ends after that."""
    hand, job = Hand(VirtualClock()), _running()
    former, present = Held(job), Held(job)
    hand.keep(former)
    hand.keep(present)
    hand.drop(former)
    assert hand.find("h", "execution") is present
    assert hand.running_on("h") == ["execution"]
    hand.drop(present)
    assert hand.find("h", "execution") is None
    assert not hand


def test_an_end_that_was_heard_before_the_launch_returned_is_remembered() -> None:
    hand, held = Hand(VirtualClock()), Held(_running())
    hand.note_end("h", "execution")
    hand.keep(held)
    assert held.ended
