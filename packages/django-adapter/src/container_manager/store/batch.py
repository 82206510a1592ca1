"""One batch of records on its way into the database, inside one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from container_manager.store import rows
from container_manager.store.output import Output
from container_manager.store.sql import integer, places, upsert, value, values
from container_manager_core.job import LIVE, TERMINAL, Job, JobStatus
from container_manager_core.store.protocol import Record, RecordOutcome

_LIVE = [status.value for status in LIVE]
_TERMINAL = [status.value for status in TERMINAL]


class Batch:
    """Writes records one after the other, each seeing those before it.

    Each is one compare-and-set: a job is only written while it has the record's worker, epoch and status.

    Args:
        connection: in a transaction.
        cursor: runs the statements.
        records: all that will be written.
    """

    def __init__(self, connection: Any, cursor: Any, records: Sequence[Record]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._output = Output(connection, cursor)
        self._live: dict[str, int] = {}
        self._places: dict[UUID, str] = {}
        self._count_live(records)
        self.wakes = False
        """Whether a written record concerns other workers."""

    def write(self, record: Record) -> str:
        """Write one record; its `RecordOutcome`."""
        job = record.job
        if record.capacity is not None and job.status is JobStatus.LAUNCHING:
            if not self._is_ours(record):
                return RecordOutcome.FENCED
            if self._others_on(job) >= record.capacity:
                return RecordOutcome.NO_CAPACITY
        if not self._update(record):
            return RecordOutcome.FENCED
        self._move_place(job)
        if job.execution is not None:
            self._write_execution(record)
        for piece in record.logs:
            self._output.append(job, piece)
        self.wakes = self.wakes or job.status is JobStatus.PENDING or record.release
        return RecordOutcome.STORED

    def _update(self, record: Record) -> bool:
        job = record.job
        is_done = job.status.is_terminal and not job.needs_attention
        changes = rows.changed_columns(job, worker=None if record.release or is_done else job.worker)
        given = values(self._connection, changes.values())
        # A deliberate restart drops the mark; everything else leaves what others have written.
        restarts = job.status is JobStatus.PENDING
        dropped = f"CASE WHEN status IN ({places(len(_TERMINAL))}) THEN NULL ELSE cancel_requested END"
        number = integer(self._connection.vendor)
        due = f"CASE WHEN cancel_requested IS NOT NULL THEN NULL ELSE {number} END"
        settings = [f"{name} = %s" for name in changes]
        if restarts:
            due = f"CASE WHEN {dropped} IS NOT NULL THEN NULL ELSE {number} END"
        # MySQL sees what was set before in the same statement, so what depends on the old status comes first.
        assignments = [f"due_at = {due}", *([f"cancel_requested = {dropped}"] if restarts else []), *settings]
        marks = list(_TERMINAL) if restarts else []
        where, conditions = self._condition(record)
        self._cursor.execute(
            f"UPDATE {rows.JOBS} SET {', '.join(assignments)} WHERE {where}",
            [*marks, rows.due_at(job), *marks, *given, *conditions],
        )
        return bool(self._cursor.rowcount)

    def _condition(self, record: Record) -> tuple[str, list[Any]]:
        job = record.job
        given = [value(self._connection, job.id), job.epoch]
        where = "id = %s AND epoch = %s AND "
        where += "worker IS NULL" if job.worker is None else "worker = %s"
        given += [] if job.worker is None else [job.worker]
        if record.expect is not None:
            where += " AND status = %s"
            given.append(record.expect.value)
        return where, given

    def _is_ours(self, record: Record) -> bool:
        where, given = self._condition(record)
        lock = " FOR UPDATE" if self._connection.features.has_select_for_update else ""
        self._cursor.execute(f"SELECT 1 FROM {rows.JOBS} WHERE {where}{lock}", given)
        return self._cursor.fetchone() is not None

    def _write_execution(self, record: Record) -> None:
        """The attempt's own row, but not where only more of its output has come."""
        job = record.job
        if job.status is JobStatus.RUNNING and record.expect is JobStatus.RUNNING:
            return
        columns = rows.execution_columns(job)
        self._cursor.execute(
            upsert(self._connection.vendor, rows.EXECUTIONS, tuple(columns), ("job_id", "attempt")),
            values(self._connection, columns.values()),
        )

    def _count_live(self, records: Sequence[Record]) -> None:
        """Places that are taken on each host that a record would take one of, while no other transaction takes one."""
        hosts = sorted({record.job.host for record in records if record.capacity is not None and record.job.host})
        if not hosts:
            return
        self._lock(hosts)
        ids = values(self._connection, {record.job.id for record in records})
        live = f"FROM {rows.JOBS} WHERE host_name IN ({places(len(hosts))}) AND status IN ({places(len(_LIVE))})"
        self._cursor.execute(f"SELECT host_name, count(*) {live} GROUP BY host_name", [*hosts, *_LIVE])
        self._live = {**dict.fromkeys(hosts, 0), **dict(self._cursor.fetchall())}
        self._cursor.execute(f"SELECT id, host_name {live} AND id IN ({places(len(ids))})", [*hosts, *_LIVE, *ids])
        self._places = {rows.uuid_of(job_id): host for job_id, host in self._cursor.fetchall()}

    def _others_on(self, job: Job) -> int:
        return self._live[job.host or ""] - (self._places.get(job.id) == job.host)

    def _move_place(self, job: Job) -> None:
        left = self._places.pop(job.id, None)
        if left is not None:
            self._live[left] -= 1
        if job.status.is_live and job.host in self._live:
            self._live[job.host] += 1
            self._places[job.id] = job.host

    def _lock(self, hosts: Sequence[str]) -> None:
        if self._connection.vendor == "postgresql":
            locks = ", ".join(["pg_advisory_xact_lock(hashtextextended(%s, 0))"] * len(hosts))
            self._cursor.execute(f"SELECT {locks}", [f"container_manager {host}" for host in hosts])
        elif self._connection.vendor == "mysql":
            table = "container_manager_hostlock"
            self._cursor.executemany(f"INSERT IGNORE INTO {table} (host) VALUES (%s)", [(host,) for host in hosts])
            self._cursor.execute(
                f"SELECT host FROM {table} WHERE host IN ({places(len(hosts))}) ORDER BY host FOR UPDATE", hosts
            )
