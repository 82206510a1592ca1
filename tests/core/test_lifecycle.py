"""The life of a job: only the moves of the table, whatever is tried."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from container_manager_core import lifecycle
from container_manager_core.errors import IllegalTransition
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.host import Host
from container_manager_core.job import TERMINAL, Job, JobStatus, Route, StopReason
from container_manager_core.spec import ContainerSpec

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOST = Host(name="h", executor="mock")
ROUTE = Route(host="h", reason="the only one")
FAILURE = Failure(kind=FailureKind.EXIT, retryable=True)


def _job() -> Job:
    return Job(id=uuid4(), spec=ContainerSpec(image="alpine"), created_at=NOW, queued_at=NOW)


class Life(RuleBasedStateMachine):
    """Tries every move at any time; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.job = _job()
        self.now = NOW

    def attempt(self, move: str, *arguments: object, **facts: object) -> None:
        self.now += timedelta(seconds=1)
        before = self.job
        try:
            self.job = getattr(lifecycle, move)(before, *arguments, **facts)
        except IllegalTransition as error:
            assert error.current == before.status.value
            return
        if self.job.status is not before.status:
            assert self.job.status in lifecycle.TRANSITIONS[before.status]

    @rule()
    def launch(self) -> None:
        self.attempt("launching", HOST, ROUTE, self.now)

    @rule()
    def run(self) -> None:
        self.attempt("running", "id", self.now, {})

    @rule(status=st.sampled_from(JobStatus))
    def finish(self, status: JobStatus) -> None:
        self.attempt("finished", status, self.now, None, exit_code=0)

    @rule()
    def retry(self) -> None:
        self.attempt("retried", FAILURE, self.now, exit_code=1)

    @rule()
    def restart(self) -> None:
        self.attempt("restarted", self.now)

    @rule(reason=st.sampled_from(StopReason))
    def stop(self, reason: StopReason) -> None:
        if self.job.execution is not None:
            first = self.job.execution.stop_reason
            self.attempt("stopping", reason)
            assert first is None or self.job.execution.stop_reason is first

    @rule()
    def defer(self) -> None:
        self.attempt("deferred", "no room", self.now)

    @invariant()
    def is_consistent(self) -> None:
        job = self.job
        assert (job.finished_at is not None) == job.status.is_terminal
        if job.status.is_live:
            assert job.execution is not None
            assert job.execution.status is job.status
        assert job.attempt == (job.execution.attempt if job.execution else 0)
        if job.status is JobStatus.RUNNING:
            assert job.execution is not None
            assert job.execution.execution_id


TestLife = Life.TestCase


def test_the_table_is_the_design() -> None:
    assert set(lifecycle.TRANSITIONS) == set(JobStatus)
    for status in TERMINAL:
        assert lifecycle.TRANSITIONS[status] == {JobStatus.PENDING}
    assert JobStatus.COMPLETED not in lifecycle.TRANSITIONS[JobStatus.LAUNCHING]
    assert JobStatus.COMPLETED not in lifecycle.TRANSITIONS[JobStatus.PENDING]


def test_an_illegal_move_names_the_job_and_both_states() -> None:
    job = _job()
    with pytest.raises(IllegalTransition, match=f"job {job.id} is pending and cannot become completed"):
        lifecycle.finished(job, JobStatus.COMPLETED, NOW)


def test_a_restart_forgets_the_end_and_keeps_the_attempts() -> None:
    running = lifecycle.running(lifecycle.launching(_job(), HOST, ROUTE, NOW), "id", NOW, {})
    ended = lifecycle.finished(running, JobStatus.FAILED, NOW, FAILURE, exit_code=3)
    again = lifecycle.restarted(attrs.evolve(ended, cancel_requested_at=NOW), NOW)
    assert (again.status, again.attempt) == (JobStatus.PENDING, 1)
    assert (again.exit_code, again.failure, again.finished_at, again.cancel_requested_at) == (None, None, None, None)
    assert lifecycle.launching(again, HOST, ROUTE, NOW).attempt == 2
