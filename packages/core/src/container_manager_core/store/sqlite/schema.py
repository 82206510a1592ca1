"""The tables of a SQLite store, and how a file gets them."""

import sqlite3

from container_manager_core.errors import ConfigurationError

APPLICATION_ID = 0x434D_4A53
"""Marks the file as ours (``CMJS``)."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # Times are microseconds since 1970 UTC. `due_at` is set while a pending job has to wait for a time,
        # `overdue_at` while it may not wait for ever.
        """CREATE TABLE jobs (
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            name TEXT NOT NULL,
            status TEXT NOT NULL,
            priority INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            due_at INTEGER,
            overdue_at INTEGER,
            finished_at INTEGER,
            requested_host TEXT,
            host TEXT,
            attempt INTEGER NOT NULL,
            attention INTEGER NOT NULL,
            worker TEXT,
            epoch INTEGER NOT NULL,
            cancel_requested_at INTEGER,
            watched_until INTEGER,
            spec TEXT NOT NULL,
            facts TEXT NOT NULL,
            execution TEXT
        )""",
        "CREATE UNIQUE INDEX jobs_by_id ON jobs (id)",
        "CREATE INDEX jobs_by_status ON jobs (status, created_at, host)",
        "CREATE INDEX jobs_by_creation ON jobs (created_at)",
        """CREATE INDEX jobs_ready ON jobs (priority DESC, created_at, number, requested_host)
            WHERE status = 'pending' AND worker IS NULL AND due_at IS NULL AND attention = 0""",
        """CREATE INDEX jobs_not_due ON jobs (due_at)
            WHERE status = 'pending' AND worker IS NULL AND due_at IS NOT NULL AND attention = 0""",
        """CREATE INDEX jobs_overdue ON jobs (overdue_at)
            WHERE status = 'pending' AND worker IS NULL AND overdue_at IS NOT NULL AND attention = 0""",
        "CREATE INDEX jobs_orphaned ON jobs (created_at, host) WHERE attention = 1 AND worker IS NULL",
        "CREATE INDEX jobs_leased ON jobs (worker) WHERE worker IS NOT NULL",
        """CREATE INDEX jobs_marked ON jobs (worker)
            WHERE worker IS NOT NULL AND (cancel_requested_at IS NOT NULL OR watched_until IS NOT NULL)""",
        "CREATE INDEX jobs_live ON jobs (host) WHERE status IN ('launching', 'running')",
        # Attempts before the latest, which stands in the job's own row.
        """CREATE TABLE executions (
            job INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            execution TEXT NOT NULL,
            PRIMARY KEY (job, attempt)
        ) WITHOUT ROWID""",
        """CREATE TABLE chunks (
            number INTEGER PRIMARY KEY,
            job INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            stream TEXT NOT NULL,
            start INTEGER NOT NULL,
            size INTEGER NOT NULL,
            data BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX chunks_by_start ON chunks (job, attempt, stream, start, size)",
        "CREATE TABLE workers (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
    (
        # Amounts are whole millionths. What ended attempts have cost, and what stands on the accounts of budgets.
        """CREATE TABLE costs (
            job INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            launched_at INTEGER NOT NULL,
            host TEXT NOT NULL,
            executor TEXT NOT NULL,
            amount INTEGER NOT NULL,
            PRIMARY KEY (job, attempt)
        ) WITHOUT ROWID""",
        "CREATE INDEX costs_by_launch ON costs (launched_at)",
        "CREATE TABLE accounts (account TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE INDEX jobs_moving ON jobs (worker)
            WHERE worker IS NOT NULL AND status IN ('launching', 'running') AND requested_host <> host""",
    ),
)
"""The statements that lead from each version to the next; ``PRAGMA user_version`` counts them."""


def version(connection: sqlite3.Connection, path: str) -> int:
    """The version of a file; 0 for an empty one. Changes nothing.

    Raises:
        ConfigurationError: the file belongs to something else, or to a newer version.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (tables or found or application_id):
        raise ConfigurationError(path, "it is a database of something else", "name another file")
    if found > len(MIGRATIONS):
        raise ConfigurationError(
            path,
            f"it was written by a newer version of container-manager (schema {found}, known up to {len(MIGRATIONS)})",
            "upgrade container-manager-core",
        )
    return int(found)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a file to the present version; a new or empty one gets all tables.

    Raises:
        ConfigurationError: the file belongs to something else, or to a newer version.
    """
    connection.execute("BEGIN IMMEDIATE")
    for number in range(version(connection, path), len(MIGRATIONS)):
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    connection.execute("COMMIT")
