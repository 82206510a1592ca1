"""Jobs and executions as rows of the ORM's tables, and back."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from container_manager.conversion.times import as_stored, aware
from container_manager_core.amounts import millionths
from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.serialising import from_json, spec_from_json, to_json, to_plain
from container_manager_core.store.facts import facts_from_json, facts_to_json

if TYPE_CHECKING:
    from container_manager.models import ContainerJob

JOBS = "container_manager_containerjob"
EXECUTIONS = "container_manager_containerexecution"
CHUNKS = "container_manager_outputchunk"
LEASES = "container_manager_workerlease"

READ = (
    "id",
    "name",
    "status",
    "priority",
    "docker_host_id",
    "attempt",
    "worker",
    "epoch",
    "cancel_requested",
    "spec",
    "facts",
    "latest_execution",
    "submitter",
    "preferred_executor",
    "created_at",
)
"""The columns that hold a job; all others are for people and for finding it."""

COLUMNS = ", ".join(READ)

CHANGED = (
    "status",
    "attempt",
    "exit_code",
    "failure_kind",
    "failure_message",
    "failure_hint",
    "waiting",
    "host_name",
    "executor_type",
    "routing_reason",
    "container_id",
    "external_execution_id",
    "executor_metadata",
    "estimated_cost",
    "actual_cost",
    "started_at",
    "finished_at",
    "attention",
    "overdue_at",
    "worker",
    "facts",
    "latest_execution",
)
"""The keys of `changed_columns`."""

ATTEMPT = (
    "job_id",
    "attempt",
    "executor_type",
    "host_id",
    "container_id",
    "status",
    "exit_code",
    "failure_kind",
    "failure_message",
    "failure_hint",
    "started_at",
    "finished_at",
    "record",
    "max_memory_usage",
    "cpu_seconds",
    "launched",
    "cost",
    "amount",
)
"""The keys of `execution_columns`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CENT = Decimal("0.000000000001")
_HALF = 1 << 31
_MOST = (1 << 63) - 1


def microseconds(moment: datetime | None) -> int | None:
    """A time as the store's own columns hold it."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def text(value: str | None, most: int | None = None) -> str:
    """Text that every database takes: without NUL, without halves of characters, cut to its column."""
    clean = (value or "").replace("\0", "")
    if not clean.isascii():
        clean = clean.encode("utf-8", "replace").decode()
    return clean[:most]


def job_of(row: Sequence[Any]) -> Job:
    """The job of a row of `READ`."""
    facts = facts_from_json(row[10])
    # These may have been changed in their columns.
    for name in ("created_by", "preferred_executor"):
        facts.pop(name, None)
    return Job(
        id=uuid_of(row[0]),
        name=row[1],
        status=JobStatus(row[2]),
        priority=row[3],
        requested_host=row[4],
        attempt=row[5],
        worker=row[6],
        epoch=row[7],
        cancel_requested_at=None if row[8] is None else _EPOCH + timedelta(microseconds=row[8]),
        spec=spec_from_json(row[9]),
        execution=None if row[11] is None else from_json(row[11], Execution),
        created_by=row[12],
        preferred_executor=row[13] or None,
        created_at=moment_of(row[14]),
        **facts,
    )


def job_of_model(row: "ContainerJob") -> Job:
    """The job of a model as it is in memory."""
    return job_of([getattr(row, name) for name in READ])


def waiting_columns(job: Job) -> dict[str, Any]:
    """What a job that was not started yet has in the columns that people do not fill in."""
    return {
        "spec": to_json(job.spec),
        "facts": facts_to_json(job, ended=True),
        "due_at": None if job.cancel_requested_at is not None else due_at(job),
        "overdue_at": microseconds(job.queue_deadline),
        "host_name": job.host,
        "submitter": job.created_by,
        "waiting": text(job.waiting),
    }


def added_columns(job: Job, spec: str) -> dict[str, Any]:
    """Every column of a job that the core adds.

    Args:
        spec: its spec as JSON.
    """
    return {
        "id": job.id,
        "name": job.name,
        "docker_host_id": job.requested_host,
        "image": text(job.spec.image, 500),
        "command": "",
        "override_command": "",
        "override_environment": {},
        "priority": job.priority,
        "scheduled_at": as_stored(job.scheduled_at),
        "preferred_executor": job.preferred_executor or "",
        "created_at": as_stored(job.created_at),
        "submitter": job.created_by,
        "cancel_requested": microseconds(job.cancel_requested_at),
        "spec": spec,
        **changed_columns(job, worker=job.worker),
        "host_name": job.host,
        "epoch": job.epoch,
        "due_at": None if job.cancel_requested_at is not None else due_at(job),
    }


def own_columns(job: Job, created_at: datetime, facts: str) -> dict[str, Any]:
    """Those of the same in which jobs differ that are alike, and run the same spec.

    Args:
        created_at: as the project's fields hold it.
        facts: what `facts_to_json` gives.
    """
    return {
        "id": job.id,
        "name": job.name,
        "created_at": created_at,
        "overdue_at": microseconds(job.queue_deadline),
        "facts": facts,
    }


def changed_columns(job: Job, worker: str | None) -> dict[str, Any]:
    """Every column that a record writes, but `due_at` and the cancellation mark. It carries `epoch`, and leaves it.

    A job without an attempt is on the host that it asks for, which a record does not know of.
    """
    execution, failure, route = job.execution, job.failure, job.route
    identifier = text(execution.execution_id if execution else None)
    is_docker = job.executor in (None, "docker")
    record = None if execution is None else to_json(execution)
    return {
        "status": job.status.value,
        "attempt": job.attempt,
        "exit_code": _exit_code(job.exit_code),
        "failure_kind": failure.kind.value if failure else "",
        "failure_message": text(failure.message) if failure else "",
        "failure_hint": text(failure.hint) if failure else "",
        "waiting": text(job.waiting),
        "host_name": execution.host if execution else None,
        "executor_type": (execution.executor if execution else "")[:50],
        "routing_reason": text(route.reason) if route else "",
        "container_id": identifier[:255] if is_docker else "",
        "external_execution_id": "" if is_docker else identifier[:500],
        "executor_metadata": plain_metadata(execution),
        "estimated_cost": money(job.estimated_cost),
        "actual_cost": money(job.actual_cost),
        "started_at": as_stored(job.started_at),
        "finished_at": as_stored(job.finished_at),
        "attention": job.needs_attention,
        "overdue_at": microseconds(job.queue_deadline),
        "worker": worker,
        "facts": facts_to_json(job, ended=True),
        "latest_execution": record,
    }


def execution_columns(job: Job, record: str) -> dict[str, Any]:
    """The row of a job's latest attempt.

    Args:
        record: the attempt as JSON.
    """
    execution = job.execution
    assert execution is not None
    failure = execution.failure
    return {
        "job_id": job.id,
        "attempt": execution.attempt,
        "executor_type": execution.executor[:50],
        "host_id": execution.host,
        "container_id": text(execution.execution_id, 500),
        "status": execution.status.value,
        "exit_code": _exit_code(execution.exit_code),
        "failure_kind": failure.kind.value if failure else "",
        "failure_message": text(failure.message) if failure else "",
        "failure_hint": text(failure.hint) if failure else "",
        "started_at": as_stored(execution.started_at),
        "finished_at": as_stored(execution.finished_at),
        "record": record,
        **measured_columns(execution),
    }


def measured_columns(execution: Execution) -> dict[str, Any]:
    """What an attempt's row has of its use and costs."""
    usage = execution.usage
    return {
        "max_memory_usage": _measured(usage.peak_memory_bytes if usage else None),
        "cpu_seconds": _measured(usage.cpu_seconds if usage else None),
        "launched": microseconds(execution.created_at),
        "cost": money(execution.cost),
        "amount": 0 if execution.status.is_live else millionths(execution.cost or Decimal(0)),
    }


def _measured(figure: float | None) -> float | None:
    """A figure that a column can hold."""
    return min(figure, _MOST) if figure is not None and math.isfinite(figure) else None


def _exit_code(code: int | None) -> int | None:
    """An exit code as a column of 32 bits holds it; one without a sign, as Windows has them, with its sign."""
    if code is None or -_HALF <= code < _HALF:
        return code
    return code - 2 * _HALF if 0 < code < 2 * _HALF else max(-_HALF, min(code, _HALF - 1))


def plain_metadata(execution: Execution | None) -> Any:
    """The platform's facts as JSON that every database takes."""
    return _clean(to_plain(execution.metadata)) if execution and execution.metadata else {}


def _clean(data: Any) -> Any:
    if isinstance(data, str):
        return text(data)
    if isinstance(data, list):
        return [_clean(item) for item in data]
    return {text(key): _clean(item) for key, item in data.items()} if isinstance(data, dict) else data


def money(amount: Decimal | None) -> Decimal | None:
    """An amount as it fits its column."""
    return None if amount is None else amount.quantize(_CENT)


def due_at(job: Job) -> int | None:
    """When a pending job that has to wait for a time may start."""
    if job.status is not JobStatus.PENDING:
        return None
    times = [time for time in (job.scheduled_at, job.not_before) if time is not None]
    return microseconds(max(times)) if times else None


def moment_of(value: Any) -> datetime:
    """A time as a field or a driver gives it, aware UTC. A naive one is in the time zone of the stored times."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None and settings.USE_TZ:
        return moment.replace(tzinfo=UTC)
    return aware(moment)


def uuid_of(value: Any) -> UUID:
    """An id as a driver gives it."""
    return value if isinstance(value, UUID) else UUID(value)
