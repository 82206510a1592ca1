"""Jobs as rows of a SQLite store, and back."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.serialising import from_json, spec_from_json, to_json
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.alike import alike
from container_manager_core.store.facts import facts_from_json, facts_to_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_ROWS_AT_ONCE = 500
_ADDED = (
    "id",
    "name",
    "created_at",
    "overdue_at",
    "spec",
    "facts",
    "status",
    "priority",
    "due_at",
    "finished_at",
    "host",
    "attempt",
    "attention",
    "worker",
    "epoch",
    "execution",
    "cancel_requested_at",
    "requested_host",
)

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


@lru_cache(maxsize=4)
def insert(jobs: int = 1) -> str:
    """An INSERT of so many rows of `added`."""
    row = f"({placeholders(_ADDED)})"
    return f"INSERT INTO jobs ({', '.join(_ADDED)}) VALUES {', '.join([row] * jobs)}"


def added_at_once(connection: sqlite3.Connection) -> int:
    """How many of them one statement takes, and as quickly as any greater number."""
    return min(_ROWS_AT_ONCE, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // len(_ADDED))


def added(jobs: Iterable[Job]) -> Iterator[tuple[Column, ...]]:
    """The rows of new jobs, as `insert` takes them."""
    spec: ContainerSpec | None = None
    spec_text = ""
    shared: tuple[Column, ...] = ()
    for job, facts, is_alike in alike(jobs):
        if not is_alike:
            cancelled = microseconds(job.cancel_requested_at)
            shared = (
                job.status.value,
                job.priority,
                None if cancelled is not None else _due_at(job),
                microseconds(job.finished_at),
                text(job.host),
                job.attempt,
                int(job.needs_attention),
                text(job.worker),
                job.epoch,
                None if job.execution is None else to_json(job.execution),
                cancelled,
                text(job.requested_host),
            )
        if job.spec is not spec:
            spec, spec_text = job.spec, to_json(job.spec)
        created, overdue = microseconds(job.created_at), microseconds(job.queue_deadline)
        yield (job.id.bytes, text(job.name), created, overdue, spec_text, facts, *shared)


def changing_columns(job: Job, *, worker: str | None, is_cancelled: bool) -> tuple[Column, ...]:
    """The columns, in the order of `UPDATE`, that a job's life changes."""
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
