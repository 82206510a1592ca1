"""How long 100,000 jobs take to be submitted at once, beside a bare load of the same rows into the same table.

nox -s bench
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from measuring.figure import Figure, options, ratio, show
from measuring.project import project

from container_manager_core import ContainerManager, ContainerSpec
from container_manager_core.acceptance import Submission
from container_manager_core.config import Config

JOBS, QUICK_JOBS = 100_000, 5_000
TARGETS = {"postgresql": 2.5, "sqlite": 2.0, "embedded": 2.0}
"""Where the jobs go, and the seconds that 100,000 of them may take."""

NAMES = {"postgresql": "PostgreSQL through Django", "sqlite": "SQLite through Django", "embedded": "SQLite"}
TABLE = "container_manager_containerjob"


def alike(jobs: int) -> Sequence[Submission]:
    """Jobs that differ in their names alone."""
    spec = ContainerSpec(image="busybox", command=("echo", "hello"), environment={"MODE": "fast"})
    return [Submission(spec=spec, name=f"job {number}") for number in range(jobs)]


def different(jobs: int) -> Sequence[Submission]:
    """Jobs of which each runs something else."""
    return [
        Submission(spec=ContainerSpec(image="busybox", command=("echo", str(number)), environment={"MODE": "fast"}))
        for number in range(jobs)
    ]


class PostgresRows:
    """The rows of a table as the server itself writes them out and takes them back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def take(self) -> bytes:
        with self._connection.cursor() as cursor:
            with cursor.copy(f"COPY {TABLE} TO STDOUT") as copy:
                rows = b"".join(copy)
            cursor.execute(f"TRUNCATE {TABLE} CASCADE")
        return rows

    def load(self, rows: bytes) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} FROM STDIN") as copy:
            copy.write(rows)


class SqliteRows:
    """The rows of a table of a SQLite file, taken and put back by the driver alone."""

    def __init__(self, path: Path, table: str) -> None:
        self._path = path
        self._table = table

    def take(self) -> Sequence[tuple[Any, ...]]:
        import sqlite3

        with sqlite3.connect(self._path, timeout=60) as connection:
            rows = connection.execute(f"SELECT * FROM {self._table}").fetchall()
            connection.execute(f"DELETE FROM {self._table}")
        connection.close()
        return rows

    def load(self, rows: Sequence[tuple[Any, ...]]) -> None:
        import sqlite3

        with sqlite3.connect(self._path, timeout=60) as connection:
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {self._table} VALUES ({places})", rows)
        connection.close()


@contextmanager
def embedded() -> Iterator[tuple[ContainerManager, Any]]:
    """The core alone, on a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        with ContainerManager(Config(store=f"sqlite:///{path}")) as manager:
            manager.submit_many(alike(1))
            yield manager, SqliteRows(path, "jobs")


@contextmanager
def django(database: str) -> Iterator[tuple[ContainerManager, Any]]:
    """The adapter on a migrated database."""
    with project(database):
        from django.db import connection

        from container_manager.manager import get_manager

        manager = get_manager()
        manager.submit_many(alike(1))
        rows = SqliteRows(Path(connection.settings_dict["NAME"]), TABLE)
        yield manager, PostgresRows(connection) if connection.vendor == "postgresql" else rows


def measure(where: str, jobs: int, rounds: int) -> None:
    """Submit and load bare in turn, and print a row for each kind of jobs."""
    with embedded() if where == "embedded" else django(where) as (manager, bare):
        bare.take()
        for make, kind in ((alike, "alike but for their names"), (different, "each with a spec of its own")):
            wanted = make(jobs)
            ours: list[float] = []
            raw: list[float] = []
            for _ in range(rounds):
                ours.append(seconds(partial(manager.submit_many, wanted)))
                rows = bare.take()
                raw.append(seconds(partial(bare.load, rows)))
                if len(bare.take()) != len(rows):
                    raise SystemExit("the bare load has lost rows")
            show(
                Figure(
                    what=f"{jobs:,} jobs created in bulk on {NAMES[where]}, {kind}",
                    ours=f"{ratio(ours, raw):.2f} times the bare load",
                    beside=f"{statistics.median(raw):.2f} s for a bare load of the same rows",
                    value=statistics.median(ours),
                    unit="s",
                    most=TARGETS[where] * jobs / JOBS,
                )
            )


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure each store in a process of its own."""
    parser = options(__doc__)
    parser.add_argument("--store", choices=list(TARGETS), help="only this one")
    given = parser.parse_args()
    if given.store:
        measure(given.store, QUICK_JOBS if given.quick else JOBS, given.rounds)
        return
    for where in TARGETS:
        subprocess.run([sys.executable, __file__, "--store", where, *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
