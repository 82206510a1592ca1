"""Adding many rows of jobs at once."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any

import attrs

from container_manager.store import rows
from container_manager.store.sql import insert, value
from container_manager_core.job import Job
from container_manager_core.serialising import to_json

_ROWS_A_STATEMENT = 1000
_LINES_A_WRITE = 200
_ESCAPES = str.maketrans({"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"})
_to_escape = re.compile(r"[\\\b\f\n\r\t\v]").search
_OWN = ("id", "name", "created_at", "queued_at", "spec")
_shared = attrgetter(*(field.name for field in attrs.fields(Job) if field.name not in _OWN))


def add(connection: Any, cursor: Any, table: str, added: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows: with COPY where the driver has it, else many a statement.

    Args:
        added: the first row whole; of every other the columns in which it differs from the one before.
    """
    changes = iter(added)
    first = next(changes, None)
    if first is None:
        return
    if connection.vendor == "postgresql" and hasattr(cursor, "copy"):
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({', '.join(first)}) FROM STDIN") as copy:
            lines = ("\t".join(row) + "\n" for row in _whole(first, changes, _copied))
            # In small pieces: the server works on one while the next is made.
            while some := "".join(islice(lines, _LINES_A_WRITE)):
                copy.write(some)
        return
    statement = insert(table, tuple(first))
    given = (tuple(row) for row in _whole(first, changes, partial(value, connection)))
    while batch := list(islice(given, _ROWS_A_STATEMENT)):
        cursor.executemany(statement, batch)


def add_one(cursor: Any, table: str, added: Iterable[Mapping[str, Any]], channel: str) -> bool:
    """Insert a row and tell of it, in one statement of PostgreSQL's; whether that was done: not for more than one row.

    Args:
        cursor: runs the statement.
        table, added: as for `add`.
        channel: where it is told.
    """
    some = list(islice(added, 2))
    if len(some) != 1:
        return False
    (row,) = some
    cursor.execute(
        f"WITH added AS ({insert(table, tuple(row))}) SELECT pg_notify('{channel}', '')",
        [value(cursor.db, each) for each in row.values()],
    )
    return True


def added_rows(jobs: Sequence[Job], like: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
    """The rows of jobs, as `add` takes them.

    Args:
        like: the row of a job that is like all of these but for what is a job's own; the spec is that too.
    """
    before: Job | None = None
    shared: Any = None
    for job in jobs:
        if before is None and like is not None:
            shared = _shared(job)
            yield {**like, **rows.own_columns(job)}
        elif before is None or _shared(job) != shared:
            shared = _shared(job)
            yield rows.added_columns(job, to_json(job.spec))
        elif job.spec is not before.spec:
            yield {**rows.own_columns(job), "image": rows.text(job.spec.image, 500), "spec": to_json(job.spec)}
        else:
            yield rows.own_columns(job)
        before = job


def _whole(
    first: Mapping[str, Any], changes: Iterable[Mapping[str, Any]], convert: Callable[[Any], Any]
) -> Iterator[list[Any]]:
    """Whole rows of converted values; always the same list. What does not change is converted once."""
    places = {name: number for number, name in enumerate(first)}
    row = [convert(each) for each in first.values()]
    yield row
    for changed in changes:
        for name, each in changed.items():
            row[places[name]] = convert(each)
        yield row


def _copied(value: Any) -> str:
    """A value in the text format of COPY."""
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping | list):
        return _escaped(json.dumps(value))
    return str(value)


def _escaped(text: str) -> str:
    """Most texts have nothing to be escaped, and looking for it costs a fifth of doing it."""
    return text if _to_escape(text) is None else text.translate(_ESCAPES)
