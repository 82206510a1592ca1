"""Jobs as rows of a SQLite store, and back."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.serialising import from_json, spec_from_json, to_json
from container_manager_core.store.facts import facts_from_json, facts_to_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

INSERT = """INSERT INTO jobs (name, status, priority, due_at, overdue_at, finished_at, host, attempt,
    attention, worker, epoch, facts, execution, id, created_at, cancel_requested_at, requested_host, spec)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

UPDATE = """UPDATE jobs SET name = ?, status = ?, priority = ?, due_at = ?, overdue_at = ?, finished_at = ?,
    host = ?, attempt = ?, attention = ?, worker = ?, epoch = ?, facts = ?, execution = ?,
    cancel_requested_at = ? WHERE number = ?"""

COLUMNS = """id, name, status, priority, created_at, finished_at, requested_host, attempt, worker, epoch,
    cancel_requested_at, spec, facts, execution"""

Column = str | bytes | int | None


def microseconds(time: datetime | None) -> int | None:
    """A time as it is stored."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def time_of(stored: int | None) -> datetime | None:
    """A stored time, aware UTC."""
    return None if stored is None else _EPOCH + timedelta(microseconds=stored)


def text(value: str | None) -> str | bytes | None:
    """Text as it is stored: what is no Unicode (an undecodable file name, say) as bytes."""
    if value is None or value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
    return value


def text_of(stored: Any) -> Any:
    """Stored text."""
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored


def placeholders(values: Iterable[object]) -> str:
    """Question marks for values."""
    return ", ".join("?" for _ in values)


def changing_columns(job: Job, *, worker: str | None, is_cancelled: bool) -> tuple[Column, ...]:
    """The columns, in the order of `INSERT` and `UPDATE`, that a job's life changes."""
    execution = job.execution
    return (
        text(job.name),
        job.status.value,
        job.priority,
        None if is_cancelled else _due_at(job),
        microseconds(job.queue_deadline),
        microseconds(job.finished_at),
        text(job.host),
        job.attempt,
        int(job.needs_attention),
        text(worker),
        job.epoch,
        facts_to_json(job),
        None if execution is None else to_json(execution),
    )


def job_of(row: Sequence[Any]) -> Job:
    """The job of a row of `COLUMNS`."""
    return Job(
        id=UUID(bytes=row[0]),
        name=text_of(row[1]),
        status=JobStatus(row[2]),
        priority=row[3],
        created_at=_EPOCH + timedelta(microseconds=row[4]),
        finished_at=time_of(row[5]),
        requested_host=text_of(row[6]),
        attempt=row[7],
        worker=text_of(row[8]),
        epoch=row[9],
        cancel_requested_at=time_of(row[10]),
        spec=spec_from_json(row[11]),
        execution=None if row[13] is None else from_json(row[13], Execution),
        **facts_from_json(row[12]),
    )


def _due_at(job: Job) -> int | None:
    if job.status is not JobStatus.PENDING:
        return None
    times = [time for time in (job.scheduled_at, job.not_before) if time is not None]
    return microseconds(max(times)) if times else None
