"""One batch of records on its way into a SQLite store, inside one transaction."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from container_manager_core.copying import copy_with
from container_manager_core.job import LIVE, TERMINAL, Job, JobStatus
from container_manager_core.store.logs import Retention
from container_manager_core.store.protocol import Record, RecordOutcome, StoredLog
from container_manager_core.store.sqlite import rows
from container_manager_core.store.sqlite.money import Accounts, keep_cost

_IDS_A_QUERY = 500
_LIVE = frozenset(status.value for status in LIVE)
_TERMINAL = frozenset(status.value for status in TERMINAL)


class _Stored:
    """What the store has of a job, as the batch goes on."""

    __slots__ = ("attempt", "cancel_requested_at", "epoch", "host", "number", "requested_host", "status", "worker")

    def __init__(self, row: Sequence[Any]) -> None:
        _, self.number, self.status, self.worker, self.epoch, self.attempt, *rest = row
        self.cancel_requested_at, self.host, self.requested_host = rest

    def is_live_on(self, host: str | bytes | None) -> bool:
        return self.status in _LIVE and self.host == host


class Batch:
    """Writes records one after the other, each seeing those before it.

    Args:
        connection: in a write transaction.
        records: all that will be written.
    """

    def __init__(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        self._connection = connection
        self._stored = _stored(connection, [record.job.id.bytes for record in records])
        self._accounts = Accounts(connection, [charge for record in records for charge in record.charges])
        self._updates: list[tuple[rows.Column, ...]] = []
        self._live: dict[str | bytes | None, int] = {}

    def write(self, record: Record) -> str:
        """Write one record; its `RecordOutcome`. Complete only after `finish`."""
        job = record.job
        stored = self._stored.get(job.id.bytes)
        if stored is None or (stored.worker, stored.epoch) != (rows.text(job.worker), job.epoch):
            return RecordOutcome.FENCED
        if record.expect is not None and stored.status != record.expect.value:
            return RecordOutcome.FENCED
        if self._is_full(record, stored):
            return RecordOutcome.NO_CAPACITY
        if not self._accounts.book(record.charges):
            return RecordOutcome.NO_BUDGET
        if stored.status in _LIVE and not job.status.is_live:
            keep_cost(self._connection, stored.number, job)
        if stored.attempt and job.attempt != stored.attempt:
            self._archive(stored.number)
        self._update(record, stored)
        for piece in record.logs:
            append(self._connection, stored.number, job, piece)
        return RecordOutcome.STORED

    def finish(self) -> None:
        """Write what is not written yet."""
        if self._updates:
            self._connection.executemany(rows.UPDATE, self._updates)
            self._updates.clear()
        self._accounts.finish()

    def _is_full(self, record: Record, stored: _Stored) -> bool:
        job = record.job
        if record.capacity is None or job.status is not JobStatus.LAUNCHING:
            return False
        host = rows.text(job.host)
        if host not in self._live:
            self.finish()
            (self._live[host],) = self._connection.execute(
                "SELECT count(*) FROM jobs WHERE host = ? AND status IN ('launching', 'running')", (host,)
            ).fetchone()
        return self._live[host] - stored.is_live_on(host) >= record.capacity

    def _archive(self, number: int) -> None:
        self.finish()
        self._connection.execute(
            "INSERT OR REPLACE INTO executions (job, attempt, execution)"
            " SELECT number, attempt, execution FROM jobs WHERE number = ? AND execution IS NOT NULL",
            (number,),
        )

    def _update(self, record: Record, stored: _Stored) -> None:
        job, requested_host = record.job, rows.text_of(stored.requested_host)
        if job.requested_host != requested_host:
            job = copy_with(job, requested_host=requested_host)
        if stored.status in _TERMINAL and job.status is JobStatus.PENDING:
            stored.cancel_requested_at = None
        is_done = job.status.is_terminal and not job.needs_attention
        worker = None if record.release or is_done else job.worker
        columns = rows.changing_columns(job, worker=worker, is_cancelled=stored.cancel_requested_at is not None)
        self._updates.append((*columns, stored.cancel_requested_at, stored.number))
        self._count_live(stored, -1)
        stored.status, stored.host = job.status.value, rows.text(job.host)
        stored.worker, stored.attempt = rows.text(worker), job.attempt
        self._count_live(stored, 1)

    def _count_live(self, stored: _Stored, change: int) -> None:
        if stored.status in _LIVE and stored.host in self._live:
            self._live[stored.host] += change


def append(connection: sqlite3.Connection, number: int, job: Job, piece: StoredLog) -> None:
    """Add a piece of output to the latest attempt's stream, whatever is stored of it already."""
    stream = (number, job.attempt, piece.stream.value)
    retention = Retention.of_spec(job.spec)
    stored = length(connection, stream)
    chunks = [
        (*stream, chunk.offset, len(chunk.data), chunk.data)
        for chunk in retention.split(stored, piece.offset, piece.data)
    ]
    if not chunks:
        return
    connection.executemany(
        "INSERT INTO chunks (job, attempt, stream, start, size, data) VALUES (?, ?, ?, ?, ?, ?)", chunks
    )
    gap_start, gap_end = retention.gap(piece.offset + len(piece.data))
    if gap_start < gap_end:
        connection.execute(
            "DELETE FROM chunks WHERE job = ? AND attempt = ? AND stream = ?"
            " AND start >= ? AND start < ? AND start + size <= ?",
            (*stream, gap_start, gap_end, gap_end),
        )


def length(connection: sqlite3.Connection, stream: tuple[int, int, str]) -> int:
    """The length of a stream of a job's attempt, what was left out included."""
    row = connection.execute(
        "SELECT start + size FROM chunks WHERE job = ? AND attempt = ? AND stream = ? ORDER BY start DESC LIMIT 1",
        stream,
    ).fetchone()
    return row[0] if row else 0


def _stored(connection: sqlite3.Connection, ids: Sequence[bytes]) -> Mapping[bytes, _Stored]:
    found: dict[bytes, _Stored] = {}
    for start in range(0, len(ids), _IDS_A_QUERY):
        some = ids[start : start + _IDS_A_QUERY]
        query = (
            "SELECT id, number, status, worker, epoch, attempt, cancel_requested_at, host, requested_host"
            f" FROM jobs WHERE id IN ({rows.placeholders(some)})"
        )
        found.update((row[0], _Stored(row)) for row in connection.execute(query, some))
    return found
