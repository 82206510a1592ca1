"""Jobs that fill the tables: copies of one job that is there, written with SQL alone."""

import sqlite3
from typing import Any


def fill_sqlite(connection: sqlite3.Connection, status: str, number: int) -> None:
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


def fill_postgres(connection: Any, jobs: str, executions: str, status: str, number: int) -> None:
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
