"""Jobs in a SQLite file: durable, and shared by the threads and processes of one machine."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import attrs

from container_manager_core.clock import Clock
from container_manager_core.costs.sums import CostQuery, CostSum
from container_manager_core.errors import InvalidInput, NotFound, StoreUnavailable
from container_manager_core.executor import Stream
from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.secrets import Secret
from container_manager_core.serialising import from_json, spec_from_json, to_json
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.logs import Chunk, Retention
from container_manager_core.store.protocol import (
    ADDED_AT_ONCE,
    Claim,
    JobQuery,
    LogSlice,
    Record,
    Signals,
)
from container_manager_core.store.sqlite import money, rows
from container_manager_core.store.sqlite.batch import Batch, length
from container_manager_core.store.sqlite.claims import give_back, look, take
from container_manager_core.store.sqlite.database import WAIT_SECONDS, Database
from container_manager_core.store.sqlite.leases import Leases
from container_manager_core.store.writes import Writes

_OPEN = "status IN ('pending', 'launching', 'running')"
_MARKED = "worker IS NOT NULL AND (cancel_requested_at IS NOT NULL OR watched_until IS NOT NULL)"
_MOVING = "worker IS NOT NULL AND status IN ('launching', 'running') AND requested_host <> host"
_DELETED_AT_ONCE = 500
_DEFAULT_LIMIT = int(attrs.fields(ContainerSpec).max_output_bytes.default or 0)


class SqliteStore:
    """A store in one SQLite file. Safe for several threads and processes; not for a network file system.

    The file is opened, and made when missing, at the first use.

    Args:
        path: the file; its folder must exist.
        clock: judges leases and due times; every process that uses the file must have the same time.
        wait_seconds: how long to wait for other writers before `StoreUnavailable`.
    """

    def __init__(self, path: Path | str, clock: Clock, wait_seconds: float = WAIT_SECONDS) -> None:
        self.url = f"sqlite:///{path}"
        self._clock = clock
        self._database = Database(Path(path), self.url, wait_seconds)
        self._installation_id: str | None = None
        self._leases = Leases(self._database, clock)
        self._has_found = False
        self._quiet: dict[str, tuple[object, int]] = {}
        self._writes = Writes(Path(f"{path}-wal"))

    @property
    def added_at_once(self) -> int:
        return ADDED_AT_ONCE

    def installation_id(self) -> str:
        if self._installation_id is None:
            # Read first: a worker must come up on a store that cannot be written for the moment.
            self._installation_id = self._database.read(_known_installation_id) or self._database.write(
                _new_installation_id
            )
        return self._installation_id

    def add_many(self, jobs: Iterable[Job]) -> None:
        added = list(rows.added(jobs))

        def write(connection: sqlite3.Connection) -> None:
            at_once = rows.added_at_once(connection)
            for start in range(0, len(added), at_once):
                some = added[start : start + at_once]
                if len(some) == at_once:
                    connection.execute(rows.insert(at_once), tuple(chain.from_iterable(some)))
                else:
                    connection.executemany(rows.insert(), some)

        try:
            self._database.write(write)
        except sqlite3.IntegrityError as error:
            raise InvalidInput("job.id", f"an id is taken ({error})", "make a new one for each job") from error
        self._writes.announce()

    def get(self, job_id: UUID) -> Job:
        query = f"SELECT {rows.COLUMNS} FROM jobs WHERE id = ?"
        row = self._database.read(lambda connection: connection.execute(query, (job_id.bytes,)).fetchone())
        if row is None:
            raise _not_found(job_id)
        return rows.job_of(row)

    def find(self, prefix: str) -> Sequence[UUID]:
        wanted = prefix.lower().replace("-", "")
        if len(wanted) > 32 or not set(wanted) <= set("0123456789abcdef"):
            return []
        bounds = tuple(bytes.fromhex(wanted.ljust(32, digit)) for digit in "0f")
        query = "SELECT id FROM jobs WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2"
        found = self._database.read(lambda connection: connection.execute(query, bounds).fetchall())
        return [UUID(bytes=row[0]) for row in found]

    def list(self, query: JobQuery) -> Sequence[Job]:
        sql, values = _listing(query)
        found = self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [rows.job_of(row) for row in found]

    def count(self) -> Mapping[tuple[JobStatus, str | None], int]:
        query = "SELECT status, host, count(*) FROM jobs GROUP BY status, host"
        found = self._database.read(lambda connection: connection.execute(query).fetchall())
        return {(JobStatus(status), rows.text_of(host)): jobs for status, host, jobs in found}

    def live_by_host(self) -> Mapping[str, int]:
        query = "SELECT host, count(*) FROM jobs WHERE status IN ('launching', 'running') GROUP BY host"
        found = self._database.read(lambda connection: connection.execute(query).fetchall())
        return {rows.text_of(host): jobs for host, jobs in found if host is not None}

    def executions(self, job_id: UUID) -> Sequence[Execution]:
        def read(connection: sqlite3.Connection) -> Sequence[Any]:
            number = _number(connection, job_id)
            return connection.execute(
                "SELECT attempt, execution FROM executions WHERE job = :job"
                " UNION ALL SELECT attempt, execution FROM jobs WHERE number = :job AND execution IS NOT NULL"
                " ORDER BY attempt",
                {"job": number},
            ).fetchall()

        return [from_json(text, Execution) for _, text in self._database.read(read)]

    def heartbeat(self, worker: str, lease_seconds: float) -> None:
        self._leases.renew(worker, lease_seconds)

    def claim(self, claim: Claim) -> Sequence[Job]:
        now = self._clock.now()
        # Most looks of an idle worker find nothing, and keep nobody from writing. Who has found something looks again.
        if not (self._has_found and claim.pending) and self._is_quiet(claim, now):
            return []
        # Nothing follows from a claim but what is recorded under it, durably; no worker survives the machine's crash.
        taken = self._database.write(lambda connection: take(connection, claim, now, self._leases), durable=False)
        self._has_found = bool(taken)
        return [rows.job_of(row) for row in taken]

    def _is_quiet(self, claim: Claim, now: datetime) -> bool:
        """Whether there is nothing to be claimed; looks once, until somebody writes or a time comes."""
        seen = (claim, self._database.version())  # before the look: what is written meanwhile makes it another one
        moment = rows.microseconds(now) or 0
        known, until = self._quiet.get(claim.worker, (None, 0))
        if known == seen and moment < until:
            return True
        following = self._database.read(lambda connection: look(connection, claim, now))
        self._quiet[claim.worker] = (seen, following or 0)
        return following is not None

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        def write(connection: sqlite3.Connection) -> Sequence[str]:
            batch = Batch(connection, records)
            outcomes = [batch.write(record) for record in records]
            batch.finish()
            return outcomes

        return self._database.write(write) if records else []

    def release(self, worker: str) -> None:
        self._database.write(lambda connection: give_back(connection, worker))
        self._leases.forget(worker)
        self._quiet.pop(worker, None)

    def request_cancel(self, job_ids: Sequence[UUID], now: datetime) -> None:
        query = (
            "UPDATE jobs SET cancel_requested_at = ?, due_at = NULL"
            f" WHERE id = ? AND cancel_requested_at IS NULL AND {_OPEN}"
        )
        marks = [(rows.microseconds(now), job_id.bytes) for job_id in job_ids]
        self._database.write(lambda connection: connection.executemany(query, marks))
        self._writes.announce()

    def request_move(self, job_ids: Sequence[UUID], host: str) -> None:
        query = (
            "UPDATE jobs SET requested_host = :host, host = CASE WHEN execution IS NULL THEN :host ELSE host END"
            f" WHERE id = :id AND {_OPEN}"
        )
        wishes = [{"host": rows.text(host), "id": job_id.bytes} for job_id in job_ids]
        self._database.write(lambda connection: connection.executemany(query, wishes))
        self._writes.announce()

    def watch(self, job_id: UUID, until: datetime) -> None:
        query = "UPDATE jobs SET watched_until = max(coalesce(watched_until, :until), :until) WHERE id = :id"
        values = {"until": rows.microseconds(until), "id": job_id.bytes}
        if not self._database.write(lambda connection: connection.execute(query, values).rowcount):
            raise _not_found(job_id)
        self._writes.announce()

    def leased(self, worker: str) -> Sequence[Job]:
        query = f"SELECT {rows.COLUMNS} FROM jobs WHERE worker = ?"
        found = self._database.read(lambda connection: connection.execute(query, (rows.text(worker),)).fetchall())
        return [rows.job_of(row) for row in found]

    def signals(self, worker: str) -> Signals:
        query = (
            "SELECT id, cancel_requested_at IS NOT NULL, coalesce(watched_until > ?, 0)"
            f" FROM jobs INDEXED BY jobs_marked WHERE worker = ? AND {_MARKED} AND {_OPEN}"
        )
        moving = f"SELECT id FROM jobs INDEXED BY jobs_moving WHERE worker = ? AND {_MOVING}"
        values = (rows.microseconds(self._clock.now()), rows.text(worker))

        def read(connection: sqlite3.Connection) -> tuple[Sequence[Any], Sequence[Any]]:
            return connection.execute(query, values).fetchall(), connection.execute(moving, values[1:]).fetchall()

        found, moved = self._database.read(read)
        return Signals(
            move=frozenset(UUID(bytes=job_id) for (job_id,) in moved),
            cancel=frozenset(UUID(bytes=job_id) for job_id, is_cancelled, _ in found if is_cancelled),
            watched=frozenset(UUID(bytes=job_id) for job_id, _, is_watched in found if is_watched),
        )

    def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        return self._database.read(lambda connection: money.balances(connection, accounts))

    def accounts(self, beginning: str) -> Mapping[str, Decimal]:
        return self._database.read(lambda connection: money.accounts(connection, beginning))

    def costs(self, query: CostQuery) -> Sequence[CostSum]:
        return self._database.read(lambda connection: money.sums(connection, query))

    def replace_secrets(self, secrets: Mapping[UUID, Mapping[str, Secret]]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            for job_id, sealed in secrets.items():
                row = connection.execute("SELECT spec FROM jobs WHERE id = ?", (job_id.bytes,)).fetchone()
                if row is not None:
                    spec = to_json(attrs.evolve(spec_from_json(row[0]), secrets=sealed))
                    connection.execute("UPDATE jobs SET spec = ? WHERE id = ?", (spec, job_id.bytes))

        self._database.write(write)

    def read_logs(
        self, job_id: UUID, stream: Stream, *, attempt: int | None = None, offset: int = 0, limit: int = 1_048_576
    ) -> LogSlice:
        def read(connection: sqlite3.Connection) -> LogSlice:
            row = connection.execute(
                "SELECT number, attempt, json_extract(spec, '$.max_output_bytes') FROM jobs WHERE id = ?",
                (job_id.bytes,),
            ).fetchone()
            if row is None:
                raise _not_found(job_id)
            key = (row[0], row[1] if attempt is None else attempt, stream.value)
            retention = Retention.of(_DEFAULT_LIMIT if row[2] is None else row[2])
            return retention.read(_chunks(connection, key, offset), length(connection, key), offset, limit)

        return self._database.read(read)

    def changed(self, since: object | None) -> tuple[object, bool]:
        token = self._database.version()
        return token, token != since

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """See the protocol. On Linux it tells of every write, elsewhere of jobs that this process adds and stops."""
        with suppress(StoreUnavailable):
            self._database.version()  # which makes the file that is written
        return self._writes.tell(call)

    @property
    def glance_seconds(self) -> float:
        return self._writes.glance_seconds

    def delete_finished(self, before: datetime) -> int:
        deleted, last = 0, 0
        while numbers := self._database.write(partial(_delete_some, before=before, last=last)):
            deleted, last = deleted + len(numbers), numbers[-1]
        return deleted

    def close(self) -> None:
        self._writes.stop()
        self._database.close()


def _not_found(job_id: UUID) -> NotFound:
    return NotFound("job", f"there is no job {str(job_id)!r}", "list the jobs to see their ids")


def _known_installation_id(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = 'installation_id'").fetchone()
    return None if row is None else str(row[0])


def _new_installation_id(connection: sqlite3.Connection) -> str:
    new = uuid4().hex
    connection.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('installation_id', ?)", (new,))
    return _known_installation_id(connection) or new


def _number(connection: sqlite3.Connection, job_id: UUID) -> int:
    row = connection.execute("SELECT number FROM jobs WHERE id = ?", (job_id.bytes,)).fetchone()
    if row is None:
        raise _not_found(job_id)
    return int(row[0])


def _listing(query: JobQuery) -> tuple[str, Sequence[Any]]:
    """One part for each status, so that each is read along an index and stops at the limit."""
    conditions = ["1"]
    values: list[Any] = []
    for column, value in (("host", query.host), ("name", query.name)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(rows.text(value))
    if query.user is not None:
        conditions.append("json_extract(facts, '$.created_by') = ?")
        values.append(rows.text(query.user))
    if query.ids is not None:
        conditions.append(f"id IN ({rows.placeholders(query.ids)})")
        values += [job_id.bytes for job_id in query.ids]
    if query.label is not None:
        conditions.append("EXISTS (SELECT 1 FROM json_each(spec, '$.labels') WHERE key = ? AND value = ?)")
        values += [rows.text(part) for part in query.label]
    if query.before is not None:
        created_at, job_id = query.before
        conditions.append("(created_at, id) < (?, ?)")
        values += [rows.microseconds(created_at), job_id.bytes]
    order = "ORDER BY created_at DESC, id DESC LIMIT ?"
    part = f"SELECT * FROM (SELECT {rows.COLUMNS} FROM jobs WHERE {' AND '.join(conditions)} %s {order})"
    limit = max(query.limit, 0)
    if not query.statuses:
        return part % "", [*values, limit]
    statuses = sorted(set(query.statuses))
    parts = " UNION ALL ".join(part % "AND status = ?" for _ in statuses)
    every = [value for status in statuses for value in (*values, status.value, limit)]
    return f"{parts} {order}", [*every, limit]


def _chunks(connection: sqlite3.Connection, key: tuple[int, int, str], offset: int) -> Iterator[Chunk]:
    job, attempt, stream = key
    found = connection.execute(
        "SELECT start, data FROM chunks WHERE job = :job AND attempt = :attempt AND stream = :stream AND start >="
        " coalesce((SELECT max(start) FROM chunks"
        " WHERE job = :job AND attempt = :attempt AND stream = :stream AND start <= :offset), 0)"
        " ORDER BY start",
        {"job": job, "attempt": attempt, "stream": stream, "offset": offset},
    )
    return (Chunk(start, data) for start, data in found)


def _delete_some(connection: sqlite3.Connection, before: datetime, last: int) -> Sequence[int]:
    found = connection.execute(
        "SELECT number FROM jobs NOT INDEXED WHERE number > ? AND finished_at < ? AND attention = 0 AND worker IS NULL"
        " AND status IN ('completed', 'failed', 'timeout', 'cancelled') ORDER BY number LIMIT ?",
        (last, rows.microseconds(before), _DELETED_AT_ONCE),
    ).fetchall()
    for table, column in (("chunks", "job"), ("costs", "job"), ("executions", "job"), ("jobs", "number")):
        connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", found)
    return [number for (number,) in found]
