"""The life of a job: one table of legal moves, and the only functions that make them.

pending -> launching -> running -> completed | failed | timeout | cancelled
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from container_manager_core.copying import copy_with
from container_manager_core.errors import IllegalTransition
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.host import Host
from container_manager_core.job import Execution, Job, JobStatus, Route, StopReason

_S = JobStatus

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    _S.PENDING: frozenset({_S.LAUNCHING, _S.CANCELLED, _S.FAILED, _S.TIMEOUT}),
    _S.LAUNCHING: frozenset({_S.RUNNING, _S.PENDING, _S.FAILED, _S.CANCELLED, _S.TIMEOUT}),
    _S.RUNNING: frozenset({_S.COMPLETED, _S.FAILED, _S.TIMEOUT, _S.CANCELLED, _S.PENDING}),
    _S.COMPLETED: frozenset({_S.PENDING}),
    _S.FAILED: frozenset({_S.PENDING}),
    _S.TIMEOUT: frozenset({_S.PENDING}),
    _S.CANCELLED: frozenset({_S.PENDING}),
}
"""Every legal move. From a terminal status the only one is a deliberate restart."""


def _move(job: Job, status: JobStatus, **changes: Any) -> Job:
    if status not in TRANSITIONS[job.status]:
        raise IllegalTransition(job.id, job.status.value, status.value)
    return copy_with(job, status=status, **changes)


def _ended(execution: Execution | None, status: JobStatus, **changes: Any) -> Execution | None:
    return copy_with(execution, status=status, **changes) if execution else None


def _first_start(job: Job, execution: Execution | None) -> datetime | None:
    """The platform's own time of the first start, once it is known, replaces ours."""
    was_first = job.execution is not None and job.started_at == job.execution.started_at
    return execution.started_at if was_first and execution else job.started_at


def launching(job: Job, host: Host, route: Route, now: datetime, **facts: Any) -> Job:
    """The recorded intent to start the next attempt on a host.

    Args:
        facts: fields of `Execution`, for example what is held back for it.
    """
    execution = Execution(
        attempt=job.attempt + 1,
        host=host.name,
        executor=host.executor,
        status=_S.LAUNCHING,
        created_at=now,
        **facts,
    )
    return _move(
        job,
        _S.LAUNCHING,
        attempt=execution.attempt,
        execution=execution,
        route=route,
        waiting=None,
        not_before=None,
        exit_code=None,
        failure=None,
    )


def running(job: Job, execution_id: str, started_at: datetime, metadata: Mapping[str, Any]) -> Job:
    """The attempt was started: the platform knows it by this id."""
    execution = copy_with(
        _execution(job), status=_S.RUNNING, execution_id=execution_id, started_at=started_at, metadata=dict(metadata)
    )
    return _move(job, _S.RUNNING, execution=execution, started_at=job.started_at or started_at, waiting=None)


def stopping(job: Job, reason: StopReason) -> Job:
    """The recorded intent to stop the attempt. The first reason stays."""
    execution = _execution(job)
    if not job.status.is_live or execution.stop_reason:
        return job
    return copy_with(job, execution=copy_with(execution, stop_reason=reason))


def finished(job: Job, status: JobStatus, now: datetime, failure: Failure | None = None, **facts: Any) -> Job:
    """The job has ended.

    Args:
        facts: fields of `Execution` that became known: exit_code, finished_at, usage, ...
    """
    if not status.is_terminal:
        raise IllegalTransition(job.id, job.status.value, status.value, "that is no end")
    live = job.status.is_live
    execution = _ended(job.execution, status, failure=failure, **facts) if live else job.execution
    exit_code = execution.exit_code if execution and live else None
    return _move(
        job,
        status,
        execution=execution,
        exit_code=exit_code,
        failure=failure,
        started_at=_first_start(job, execution),
        finished_at=facts.get("finished_at") or now,
        waiting=None,
        not_before=None,
    )


def retried(job: Job, failure: Failure, not_before: datetime, **facts: Any) -> Job:
    """The attempt ended badly and another is to follow."""
    if not job.status.is_live:
        raise IllegalTransition(job.id, job.status.value, _S.PENDING.value, "only an attempt can be tried again")
    execution = _ended(job.execution, _end_of(failure), failure=failure, **facts)
    return _move(
        job,
        _S.PENDING,
        execution=execution,
        started_at=_first_start(job, execution),
        exit_code=execution.exit_code if execution else None,
        failure=failure,
        not_before=not_before,
        waiting=f"attempt {job.attempt} ended badly ({failure}); the next follows",
    )


def restarted(job: Job, now: datetime) -> Job:
    """A finished job, pending again. Its attempts stay in the history."""
    if not job.status.is_terminal:
        raise IllegalTransition(job.id, job.status.value, _S.PENDING.value, "only a finished job can be restarted")
    return _move(
        job,
        _S.PENDING,
        queued_at=now,
        exit_code=None,
        failure=None,
        finished_at=None,
        cancel_requested_at=None,
        waiting=None,
        not_before=None,
        scheduled_at=None,
    )


def deferred(job: Job, waiting: str, not_before: datetime, route: Route | None = None) -> Job:
    """A pending job that goes on waiting, with the reason and the decision it comes from."""
    if job.status is not _S.PENDING:
        raise IllegalTransition(job.id, job.status.value, _S.PENDING.value, "only a pending job waits")
    return copy_with(job, waiting=waiting, route=route or job.route, not_before=not_before)


def status_of(failure: Failure | None) -> JobStatus:
    """The terminal status that fits a failure; completed when there is none."""
    return _S.COMPLETED if failure is None else _end_of(failure)


def _end_of(failure: Failure) -> JobStatus:
    by_kind = {FailureKind.TIMEOUT: _S.TIMEOUT, FailureKind.CANCELLED: _S.CANCELLED}
    return by_kind.get(failure.kind, _S.FAILED)


def _execution(job: Job) -> Execution:
    if job.execution is None:
        raise IllegalTransition(job.id, job.status.value, _S.RUNNING.value, "it has no attempt")
    return job.execution
