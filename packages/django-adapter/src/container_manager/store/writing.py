"""Writing the rows of jobs and of their attempts, each only while its worker still holds it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import attrs

from container_manager.store import postgresql, rows
from container_manager.store.places import LIVE_HERE, host_locks
from container_manager.store.sql import integer, places, upsert, value, values
from container_manager.store.wakeup import CHANNEL
from container_manager_core.job import TERMINAL, Execution, Job, JobStatus
from container_manager_core.serialising import to_json
from container_manager_core.store.protocol import Record

_TERMINAL = sorted(status.value for status in TERMINAL)
_KEY = ("job_id", "attempt")


class Writer(Protocol):
    """Writes records of different jobs."""

    def write(self, records: Sequence[Record]) -> set[UUID]:
        """Write those whose job still has the record's worker, epoch and status; the ids of these."""
        ...

    def held(self, records: Sequence[Record]) -> set[UUID]:
        """The ids of those that could be written."""
        ...


def writer_of(connection: Any, cursor: Any, tells: bool) -> Writer:
    """The way of the database at hand.

    Args:
        tells: whether others are to hear of it, where the database can tell.
    """
    if connection.vendor == "postgresql":
        return PostgresWriter(cursor, tells)
    return PlainWriter(connection, cursor)


class PlainWriter:
    """One record after the other.

    Args:
        connection: of the cursor.
        cursor: runs the statements.
    """

    def __init__(self, connection: Any, cursor: Any) -> None:
        self._connection = connection
        self._cursor = cursor

    def write(self, records: Sequence[Record]) -> set[UUID]:
        stored = {record.job.id for record in records if self._update(record)}
        attempts = [
            rows.execution_columns(record.job, to_json(record.job.execution))
            for record in records
            if _writes_attempt(record, stored)
        ]
        if attempts:
            statement = upsert(self._connection.vendor, rows.EXECUTIONS, tuple(attempts[0]), _KEY)
            self._cursor.executemany(statement, [values(self._connection, row.values()) for row in attempts])
        return stored

    def held(self, records: Sequence[Record]) -> set[UUID]:
        return {record.job.id for record in records if self._is_held(record)}

    def _update(self, record: Record) -> bool:
        job = record.job
        changes = rows.changed_columns(job, worker=_next_worker(record))
        ended = f"status IN ({places(len(_TERMINAL))})"
        restarts = job.status is JobStatus.PENDING
        # A deliberate restart drops the mark; everything else leaves what others have written.
        kept = f"CASE WHEN {ended} THEN NULL ELSE cancel_requested END" if restarts else "cancel_requested"
        marks = _TERMINAL if restarts else []
        # MySQL sees what was set before in the same statement, so what depends on the old values comes first.
        assignments = [
            f"due_at = CASE WHEN {kept} IS NOT NULL THEN NULL ELSE {integer(self._connection.vendor)} END",
            f"cancel_requested = {kept}",
            *(f"{name} = coalesce(%s, docker_host_id)" if name == "host_name" else f"{name} = %s" for name in changes),
        ]
        where, conditions = self._condition(record)
        self._cursor.execute(
            f"UPDATE {rows.JOBS} SET {', '.join(assignments)} WHERE {where}",
            [*marks, rows.due_at(job), *marks, *values(self._connection, changes.values()), *conditions],
        )
        return bool(self._cursor.rowcount)

    def _is_held(self, record: Record) -> bool:
        where, given = self._condition(record)
        self._cursor.execute(f"SELECT 1 FROM {rows.JOBS} WHERE {where}", given)
        return self._cursor.fetchone() is not None

    def _condition(self, record: Record) -> tuple[str, list[Any]]:
        job = record.job
        given = [value(self._connection, job.id), job.epoch]
        where = "id = %s AND epoch = %s AND " + ("worker IS NULL" if job.worker is None else "worker = %s")
        given += [] if job.worker is None else [job.worker]
        if record.expect is not None:
            where += " AND status = %s"
            given.append(record.expect.value)
        return where, given


class PostgresWriter:
    """All records in one statement, which gets them as one JSON text; a single one as its values.

    Args:
        cursor: runs the statements.
        tells: whether others are to hear of what could be written.
    """

    def __init__(self, cursor: Any, tells: bool) -> None:
        self._cursor = cursor
        self._tells = tells

    def write(self, records: Sequence[Record]) -> set[UUID]:
        if not records:
            return set()
        self._send(records, counts=False)
        return {job_id for job_id, *_ in self._cursor.fetchall()}

    def write_with_places(self, records: Sequence[Record]) -> set[UUID] | None:
        """The same where some take a place on their host; None, and nothing written, unless there is room for all.

        Sent together with the locks, as one transaction: the cursor's connection must be able to `postgresql.pipeline`.
        """
        hosts = sorted({record.job.host or "" for record in records if record.capacity is not None})
        with postgresql.pipeline(self._cursor.db):
            self._cursor.execute(*host_locks(hosts))
            self._send(records, counts=True)
        self._cursor.nextset()
        found = self._cursor.fetchall()
        return {job_id for job_id, *_ in found if job_id is not None} if found[0][-1] else None

    def _send(self, records: Sequence[Record], counts: bool) -> None:
        given = [_given(record) for record in records]
        is_single = len(given) == 1
        differ = is_single or any("differs" in each for each in given)
        statement = _write_statement(self._cursor.db, counts, is_single, differ)
        rows_given = statement.values(given[0]) if is_single else [_rows_to_json(given)]
        self._cursor.execute(statement.text, [*rows_given, self._tells])

    def held(self, records: Sequence[Record]) -> set[UUID]:
        if not records:
            return set()
        statement = f"WITH given AS ({_recordset(_CONDITION)}) SELECT id FROM {rows.JOBS} job JOIN given ON {_HELD}"
        self._cursor.execute(statement, [_rows_to_json([_condition(record) for record in records])])
        return {job_id for (job_id,) in self._cursor.fetchall()}


_CONDITION = {"given_id": "uuid", "held_epoch": "bigint", "same_epoch": "bigint", "held_by": "text", "expected": "text"}
_EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(("failure_kind", "failure_message", "failure_hint", "waiting", "executor_type"), ""),
    **dict.fromkeys(("routing_reason", "container_id", "external_execution_id"), ""),
    "executor_metadata": {},
    "attention": False,
}
"""What stands in columns that have nothing to say; it is not sent, and reading it would take the server longest."""

_SHARED = {
    "job_id": "id",
    "attempt": "attempt",
    "executor_type": "executor_type",
    "host_id": "host_name",
    "record": "latest_execution",
}
"""The columns of an attempt whose values stand in its job's row, by what they are called there."""
_ALIKE = ("status", "exit_code", "failure_kind", "failure_message", "failure_hint", "started_at", "finished_at")
"""Those whose values are usually the same as its job's: these are sent where one of them is not."""
_IDENTIFIERS = ("container_id", "external_execution_id")
"""Where a job's row has what its attempt's has in ``container_id``; one of them is empty."""
_SHORTEST_ID = 255
"""What fits into each of these."""
_ATTEMPT = {f"a_{column}": column for column in rows.ATTEMPT if column not in _SHARED}
"""The ones that can be sent, by their names in a statement."""

_UNUSUAL = tuple(f"a_{column}" for column in (*_ALIKE, "container_id"))
"""Those that are sent only where they differ."""


@attrs.frozen
class _Statement:
    """A statement that writes.

    Attributes:
        text: its text.
        names: of the values that it gets of a single row, in their order.
    """

    text: str
    names: Sequence[str]

    def values(self, row: Mapping[str, Any]) -> list[str | None]:
        """A row's values as text, which the server reads as the type that is wanted: a value's own type would make it
        another statement."""
        found = map(row.get, self.names)
        return [each if each is None or type(each) is str else _as_text(each) for each in found]


_WORDED: dict[tuple[str, bool, bool, bool], _Statement] = {}
"""The statements, by the database's alias, whose columns have the types that the models give them; by whether places
are counted, by whether it is for a single row, and by whether one may differ."""

_HELD = (
    "job.id = given_id AND job.epoch = held_epoch AND job.worker IS NOT DISTINCT FROM held_by"
    " AND (expected IS NULL OR job.status = expected)"
)


def _condition(record: Record) -> dict[str, Any]:
    job = record.job
    expected = None if record.expect is None else record.expect.value
    epoch = job.epoch
    return {
        "given_id": str(job.id),
        "held_epoch": epoch,
        "same_epoch": epoch,
        "held_by": job.worker,
        "expected": expected,
    }


def _given(record: Record) -> dict[str, Any]:
    job = record.job
    changed = rows.changed_columns(job, worker=_next_worker(record))
    empty = _EMPTY.get
    given = {name: each for name, each in changed.items() if each is not None and each != empty(name)}
    given.update(_condition(record))
    if record.capacity is not None:
        given["capacity"] = record.capacity
    if job.status is JobStatus.PENDING:
        given["given_due_at"] = rows.due_at(job)
    if job.execution is not None and _writes_attempt(record, {job.id}):
        attempt = rows.measured_columns(job.execution)
        if _differs(job, job.execution):
            attempt = rows.execution_columns(job, "")
            given["differs"] = True
        for name, each in attempt.items():
            if each is not None and name not in _SHARED:
                given[f"a_{name}"] = each
    return given


def _differs(job: Job, attempt: Execution) -> bool:
    """Whether an attempt's row has anything else in `_ALIKE` than its job's."""
    return (
        attempt.status is not job.status
        or attempt.exit_code != job.exit_code
        or attempt.failure != job.failure
        or attempt.started_at != job.started_at
        or attempt.finished_at != job.finished_at
        or len(attempt.execution_id or "") > _SHORTEST_ID
    )


def _recordset(types: Mapping[str, str]) -> str:
    """The rows of a JSON text.

    PostgreSQL expects a hundred of any text, and to find so many by their ids seems more to it than reading a table of
    thousands of jobs, as often as the statement runs before the table is analysed again. Of rows in which two columns
    are equal it expects one.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    return f"SELECT * FROM json_to_recordset(%s::json) AS given({columns}) WHERE held_epoch = same_epoch"


def _single(types: Mapping[str, str]) -> str:
    """The row whose values are parameters: to read it out of JSON takes the server longer than all else."""
    return "SELECT " + ", ".join(f"%s::{kind} AS {name}" for name, kind in types.items())


def _as_text(each: Any) -> str:
    return to_json(each, in_ascii=False) if isinstance(each, (dict, list)) else str(each)


def _write_statement(connection: Any, counts: bool, is_single: bool, differ: bool) -> _Statement:
    key = (connection.alias, counts, is_single, differ)
    known = _WORDED.get(key)
    if known is None:
        known = _WORDED[key] = _worded(connection, counts, is_single, differ)
    return known


_ROOM = (
    # On each host, those that are there and those that come, beside the least that one of these allows.
    " room AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM given WHERE capacity IS NOT NULL GROUP BY host_name"
    f" HAVING count(*) + (SELECT count(*) FROM {rows.JOBS} job WHERE job.host_name = given.host_name AND {LIVE_HERE})"
    " > min(capacity)) AS enough),"
)
_ENOUGH = " AND (SELECT enough FROM room)"


def _worded(connection: Any, counts: bool, is_single: bool, differ: bool) -> _Statement:
    from container_manager.models import ContainerExecution, ContainerJob

    changed = _types(connection, ContainerJob, rows.CHANGED)
    attempt = _types(connection, ContainerExecution, rows.ATTEMPT)
    types = {
        **_CONDITION,
        **changed,
        "given_due_at": "bigint",
        "capacity": "bigint",
        "differs": "boolean",
        **{name: attempt[column] for name, column in _ATTEMPT.items()},
    }
    # Each column takes time, also where no row has anything in it.
    unused = {*(() if differ else ("differs", *_UNUSUAL)), *(("same_epoch",) if is_single else ())}
    types = {name: kind for name, kind in types.items() if name not in unused}
    own = {name: column for name, column in _ATTEMPT.items() if name in types}
    alike = {**{column: column for column in _ALIKE}, "container_id": " || ".join(_IDENTIFIERS)}
    if differ:
        alike = {column: f"CASE WHEN differs THEN a_{column} ELSE {like} END" for column, like in alike.items()}
    sources = {**{column: name for name, column in own.items()}, **alike, **_SHARED}
    returned = dict.fromkeys((*_SHARED.values(), *_ALIKE, *_IDENTIFIERS))
    sent = [*(["differs"] if differ else []), *own]
    ended = f"job.status IN ({', '.join(repr(status) for status in _TERMINAL)})"
    kept = f"CASE WHEN given.status = 'pending' AND {ended} THEN NULL ELSE job.cancel_requested END"
    assignments = [
        *(f"{name} = {_or_empty(name)}" for name in changed if name != "host_name"),
        "host_name = coalesce(given.host_name, job.docker_host_id)",
        f"cancel_requested = {kept}",
        f"due_at = CASE WHEN {kept} IS NOT NULL THEN NULL ELSE given_due_at END",
    ]
    rest = ", ".join(f"{name} = excluded.{name}" for name in attempt if name not in _KEY)
    result = ", enough FROM room LEFT JOIN written ON true" if counts else " FROM written"
    room, enough = (_ROOM, _ENOUGH) if counts else ("", "")
    given = _single(types) if is_single else _recordset(types)
    text = (
        f"WITH given AS MATERIALIZED ({given}),{room}"
        f" written AS (UPDATE {rows.JOBS} job SET {', '.join(assignments)} FROM given WHERE {_HELD}{enough}"
        f" RETURNING {', '.join([f'job.{name}' for name in returned] + sent)}),"
        f" attempts AS (INSERT INTO {rows.EXECUTIONS} ({', '.join(attempt)})"
        f" SELECT {', '.join(sources[column] for column in attempt)} FROM written"
        f" WHERE a_launched IS NOT NULL ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {rest})"
        f" SELECT id, CASE WHEN %s THEN pg_notify('{CHANNEL}', '') END{result}"
    )
    return _Statement(text, tuple(types))


def _rows_to_json(given: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON. A server whose encoding is not UTF-8 refuses escaped characters, and may take them as they are."""
    return to_json(given, in_ascii=False)


def _or_empty(name: str) -> str:
    if name not in _EMPTY:
        return f"given.{name}"
    empty = _EMPTY[name]
    return f"coalesce(given.{name}, '{empty if isinstance(empty, str) else json.dumps(empty)}')"


def _types(connection: Any, model: Any, names: Sequence[str]) -> dict[str, str]:
    """The columns with their types on PostgreSQL, without a length: a cast to one would cut what is too long."""
    fields = {field.column: field for field in model._meta.concrete_fields}
    return {name: fields[name].db_type(connection).partition("(")[0] for name in names}


def _next_worker(record: Record) -> str | None:
    """Who holds the job after the record."""
    job = record.job
    is_done = job.status.is_terminal and not job.needs_attention
    return None if record.release or is_done else job.worker


def _writes_attempt(record: Record, stored: set[UUID]) -> bool:
    """Whether the attempt's own row is written: not where only more of its output has come."""
    job = record.job
    if job.execution is None or job.id not in stored:
        return False
    return not (job.status is JobStatus.RUNNING and record.expect is JobStatus.RUNNING)
