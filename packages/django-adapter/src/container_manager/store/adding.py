"""Adding many rows of jobs at once."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from types import NoneType
from typing import Any
from uuid import UUID

from container_manager.conversion.times import storing
from container_manager.store import rows
from container_manager.store.sql import insert, value
from container_manager_core.job import Job
from container_manager_core.serialising import to_json
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.alike import alike

_ROWS_A_STATEMENT = 1000
_LINES_A_WRITE = 200
_ESCAPES = str.maketrans({"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"})


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


def added_rows(jobs: Iterable[Job], like: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
    """The rows of jobs, as `add` takes them.

    Args:
        like: the row of a job that is like all of these but for what is a job's own; the spec is that too.
    """
    stored = storing()
    spec: ContainerSpec | None = None
    for job, facts, is_alike in alike(jobs, ended=True):
        row = rows.own_columns(job, stored(job.created_at), facts)
        if not is_alike:
            row = (rows.added_columns(job, to_json(job.spec)) if like is None else dict(like)) | row
        elif job.spec is not spec:
            row |= {"image": rows.text(job.spec.image, 500), "spec": to_json(job.spec)}
        spec = job.spec
        yield row


def _whole(
    first: Mapping[str, Any], changes: Iterable[Mapping[str, Any]], convert: Callable[[Any], Any]
) -> Iterator[Iterable[Any]]:
    """Whole rows of converted values; always the same object. What does not change is converted once."""
    row = {name: convert(each) for name, each in first.items()}
    yield row.values()
    for changed in changes:
        for name, each in changed.items():
            row[name] = convert(each)
        yield row.values()


def _copied(value: Any) -> str:
    """A value in the text format of COPY."""
    convert = _COPIED.get(type(value))
    if convert is None:
        convert = next((found for kind, found in _COPIED.items() if isinstance(value, kind)), str)
    return convert(value)


def _escaped(text: str) -> str:
    """Most texts have nothing to be escaped, and looking for it costs a tenth of doing it."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


_COPIED: Mapping[type, Callable[[Any], str]] = {
    NoneType: lambda _: r"\N",
    str: _escaped,
    datetime: lambda value: to_json(value)[1:-1],  # a third of what `isoformat` takes
    int: str,
    UUID: attrgetter("hex"),
    Mapping: lambda value: _escaped(json.dumps(value)),
    list: lambda value: _escaped(json.dumps(value)),
}
