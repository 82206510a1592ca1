"""Stores with a history: their tables are filled with copies of one job that is there, written with SQL alone."""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from container_manager_core.clock import SystemClock
from container_manager_core.store.protocol import Claim, JobStore, Record
from container_manager_core.store.sqlite import SqliteStore
from measuring.moves import WORKER, finished, new_jobs
from measuring.project import project

K = TypeVar("K", int, str)

Histories = Mapping[K, Mapping[str, int]]
"""By the name of a store, how many jobs of which status it is to have: completed, then pending."""

_LEASE_SECONDS = 86_400.0


@contextmanager
def on_sqlite(histories: Histories[K]) -> Iterator[Mapping[K, JobStore]]:
    """Files of the core's own store."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for name, numbers in histories.items():
            path = Path(folder) / f"{name}.sqlite3"
            stores[name] = SqliteStore(path, SystemClock())
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA cache_size = -524288")
                for status, number in numbers.items():
                    _begin(stores[name], status)
                    _fill_sqlite(connection, status, number - 1)
                    connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        yield stores
        for store in stores.values():
            store.close()


@contextmanager
def on_postgres(histories: Histories[K]) -> Iterator[Mapping[K, JobStore]]:
    """Databases of one server, each with our tables, vacuumed and analysed, as on a server that has lived that long."""
    with project("postgresql") as url:
        import psycopg
        from django.db import connections

        from container_manager.store.rows import EXECUTIONS, JOBS
        from container_manager.store.store import OrmStore

        server = url.rpartition("/")[0]
        stores = {}
        with psycopg.connect(f"{server}/template1", autocommit=True) as connection:
            for name in histories:
                connection.execute(f"CREATE DATABASE of_{name} TEMPLATE postgres")
        for name, numbers in histories.items():
            connections.settings[f"of_{name}"] = connections.settings["default"] | {"NAME": f"of_{name}"}
            stores[name] = OrmStore(f"of_{name}")
            stores[name].database.pool()
            with psycopg.connect(f"{server}/of_{name}", autocommit=True) as connection:
                for status, number in numbers.items():
                    _begin(stores[name], status)
                    _fill_postgres(connection, JOBS, EXECUTIONS, status, number - 1)
                connection.execute(f"VACUUM ANALYZE {JOBS}, {EXECUTIONS}")
                connection.execute("CHECKPOINT")
        yield stores
        for store in stores.values():
            store.close()


def _begin(store: JobStore, status: str) -> None:
    """Store the job that is copied."""
    store.heartbeat(WORKER, _LEASE_SECONDS)
    store.add_many(new_jobs(1))
    if status == "completed":
        store.record_many([Record(job=finished(job)) for job in store.claim(Claim(worker=WORKER, limit=1))])


def _fill_sqlite(connection: sqlite3.Connection, status: str, number: int) -> None:
    """Copies of one job of that status, each with an id of its own, a microsecond apart."""
    names = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    of_copy = {"number": "NULL", "id": "randomblob(16)", "created_at": "created_at + series.value"}
    values = ", ".join(of_copy.get(name, name) for name in names)
    connection.execute(
        "WITH RECURSIVE series(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM series WHERE value < ?)"
        f" INSERT INTO jobs ({', '.join(names)}) SELECT {values} FROM series,"
        " (SELECT * FROM jobs WHERE status = ? AND worker IS NULL LIMIT 1)",
        (number, status),
    )


def _fill_postgres(connection: Any, jobs: str, executions: str, status: str, number: int) -> None:
    """Copies of one job of that status, each with an id of its own, a microsecond apart, and of its attempts.

    Args:
        connection: psycopg's.
        jobs, executions: the tables.
    """
    of_job = {"id": "gen_random_uuid()", "created_at": "created_at + series * interval '1 microsecond'"}
    of_attempt = {"job_id": "copied.id"}
    columns, values = _columns(connection, jobs, of_job)
    attempt_columns, attempt_values = _columns(connection, executions, of_attempt, generated="id")
    connection.execute(
        f"WITH job AS (SELECT * FROM {jobs} WHERE status = %s AND worker IS NULL LIMIT 1),"
        f" copied AS (INSERT INTO {jobs} ({columns}) SELECT {values} FROM generate_series(1, %s) AS series, job"
        " RETURNING id)"
        f" INSERT INTO {executions} ({attempt_columns}) SELECT {attempt_values} FROM copied,"
        f" (SELECT * FROM {executions} WHERE job_id IN (SELECT id FROM job)) AS attempt",
        (status, number),
    )


def _columns(connection: Any, table: str, replaced: dict[str, str], generated: str = "") -> tuple[str, str]:
    """The columns of a table, and what a copy of a row has in them."""
    described = connection.execute(f"SELECT * FROM {table} LIMIT 0").description or ()
    names = [column[0] for column in described if column[0] != generated]
    return ", ".join(names), ", ".join(replaced.get(name, name) for name in names)
