"""How long 100,000 jobs take to be submitted at once, beside a bare load of the same rows into the same table.

nox -s bench
"""

import argparse
import os
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

from container_manager_core import ContainerManager, ContainerSpec
from container_manager_core.acceptance import Submission
from container_manager_core.config import Config

TARGETS = {"postgresql": 2.5, "sqlite": 2.0, "embedded": 2.0}
"""Where the jobs go, and the seconds that 100,000 of them may take."""

TABLES = {"postgresql": "container_manager_containerjob", "sqlite": "container_manager_containerjob"}
PROJECT = Path(__file__).parent.parent / "tests" / "django"


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
            with cursor.copy(f"COPY {TABLES['postgresql']} TO STDOUT") as copy:
                rows = b"".join(copy)
            cursor.execute(f"TRUNCATE {TABLES['postgresql']} CASCADE")
        return rows

    def load(self, rows: bytes) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {TABLES['postgresql']} FROM STDIN") as copy:
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
def django(url: str) -> Iterator[tuple[ContainerManager, Any]]:
    """The adapter on a database that is migrated first."""
    sys.path.append(str(PROJECT))
    os.environ["CONTAINER_MANAGER_TEST_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    from django import setup
    from django.core.management import call_command

    setup()
    call_command("migrate", verbosity=0)
    from django.db import connection

    from container_manager.manager import get_manager

    manager = get_manager()
    manager.submit_many(alike(1))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As an installation has it: what is committed is on the disk.
            cursor.execute("ALTER SYSTEM SET fsync = on")
            cursor.execute("SELECT pg_reload_conf()")
        yield manager, PostgresRows(connection)
    else:
        yield manager, SqliteRows(Path(connection.settings_dict["NAME"]), TABLES["sqlite"])
    manager.close()


@contextmanager
def opened(where: str) -> Iterator[tuple[ContainerManager, Any]]:
    """A manager, and what loads bare rows into its table."""
    if where == "embedded":
        with embedded() as found:
            yield found
    elif where == "sqlite":
        with tempfile.TemporaryDirectory() as folder, django(f"sqlite:///{folder}/db.sqlite3") as found:
            yield found
    else:
        from support.postgres import open_postgres

        with (
            open_postgres() as server,
            django(f"postgresql://postgres@127.0.0.1:{server.port}/postgres") as found,
        ):
            yield found


def measure(where: str, jobs: int, rounds: int) -> None:
    """Submit and load bare in turn, and print a line for each kind of jobs."""
    with opened(where) as (manager, bare):
        bare.take()
        for make in (alike, different):
            wanted = make(jobs)
            ours: list[float] = []
            raw: list[float] = []
            for _ in range(rounds):
                ours.append(seconds(partial(manager.submit_many, wanted)))
                rows = bare.take()
                raw.append(seconds(partial(bare.load, rows)))
                if len(bare.take()) != len(rows):
                    raise SystemExit("the bare load has lost rows")
            mine, limit = statistics.median(ours), statistics.median(raw)
            ratio = statistics.median(one / other for one, other in zip(ours, raw, strict=True))
            allowed = TARGETS[where] * jobs / 100_000
            print(
                f"{where:<11} {make.__name__:<10} {mine:>8.2f} {limit:>8.2f} {ratio:>6.2f} {allowed:>8.2f}", flush=True
            )


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure each store in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bulk-jobs", type=int, default=100_000)
    parser.add_argument("--bulk-rounds", type=int, default=3)
    parser.add_argument("--bulk-store", choices=list(TARGETS))
    arguments, _ = parser.parse_known_args()
    if arguments.bulk_store:
        measure(arguments.bulk_store, arguments.bulk_jobs, arguments.bulk_rounds)
        return
    print(f"{arguments.bulk_jobs} jobs")
    print(f"{'store':<11} {'jobs':<10} {'ours s':>8} {'bare s':>8} {'ratio':>6} {'allowed':>8}", flush=True)
    for where in TARGETS:
        given = ["--bulk-jobs", str(arguments.bulk_jobs), "--bulk-rounds", str(arguments.bulk_rounds)]
        subprocess.run([sys.executable, __file__, "--bulk-store", where, *given], check=True)


if __name__ == "__main__":
    main()
