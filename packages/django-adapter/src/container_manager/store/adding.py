"""Adding many rows of jobs at once."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from container_manager.store import rows
from container_manager.store.sql import insert, values
from container_manager_core.job import Job, JobStatus
from container_manager_core.serialising import to_json
from container_manager_core.spec import ContainerSpec

_ROWS_A_STATEMENT = 1000
_ESCAPES = str.maketrans({"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"})


def add(connection: Any, cursor: Any, table: str, added: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns: with COPY where the driver has it, else many a statement."""
    found = iter(added)
    first = next(found, None)
    if first is None:
        return
    if connection.vendor == "postgresql" and hasattr(cursor, "copy"):
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({', '.join(first)}) FROM STDIN") as copy:
            lines = _lines(chain([first], found))
            while some := "".join(islice(lines, _ROWS_A_STATEMENT)):
                copy.write(some)
        return
    statement = insert(table, tuple(first))
    given = (values(connection, row.values()) for row in chain([first], found))
    while batch := list(islice(given, _ROWS_A_STATEMENT)):
        cursor.executemany(statement, batch)


def added_rows(jobs: Sequence[Job]) -> Iterator[Mapping[str, Any]]:
    """The rows of jobs that the core adds."""
    spec_text = _remembering()
    blank: dict[str, Any] | None = None
    for job in jobs:
        spec = spec_text(job.spec)
        if not _is_fresh(job):
            yield rows.added_columns(job, spec)
            continue
        if blank is None:
            blank = rows.added_columns(job, spec)
        yield {**blank, **rows.fresh_columns(job, spec)}


def _is_fresh(job: Job) -> bool:
    """Whether nothing has become of it yet."""
    return (
        job.status is JobStatus.PENDING
        and job.attempt == 0
        and job.worker is None
        and job.failure is None
        and job.route is None
        and job.cancel_requested_at is None
    )


def _remembering() -> Callable[[ContainerSpec], str]:
    """The JSON of specs, that of one object only once."""
    last: tuple[ContainerSpec, str] | None = None

    def text(spec: ContainerSpec) -> str:
        nonlocal last
        if last is None or last[0] is not spec:
            last = spec, to_json(spec)
        return last[1]

    return text


def _lines(added: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Rows in the text format of COPY. What is the same object as in the row before is not written out again."""
    before: list[Any] = []
    texts: list[str] = []
    for row in added:
        for number, value in enumerate(row.values()):
            if number == len(before):
                before.append(value)
                texts.append(_copied(value))
            elif value is not before[number]:
                before[number] = value
                texts[number] = _copied(value)
        yield "\t".join(texts) + "\n"


def _copied(value: Any) -> str:
    """A value in the text format of COPY."""
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping | list):
        return json.dumps(value).translate(_ESCAPES)
    return str(value)
