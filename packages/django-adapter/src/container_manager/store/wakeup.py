"""Noticing that something changed, without a query for each look."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connections

from container_manager.store.postgresql import is_direct
from container_manager_core.store.protocol import TOLD_GLANCE_SECONDS
from container_manager_core.store.writes import Writes

CHANNEL = "container_manager"
_RECONNECT_SECONDS = 5.0
_LISTEN_SECONDS = 1.0


class NoWakeup:
    """Nothing tells of changes: something may have changed with every second that passes."""

    glance_seconds = TOLD_GLANCE_SECONDS
    is_followed = False

    def token(self) -> object:
        return int(time.monotonic())

    def tell(self, call: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def close(self) -> None:
        pass


class SqliteWakeup:
    """SQLite's ``data_version``, which another connection's commit changes; and where it can be, hearing of each write.

    Args:
        path: the database file.
    """

    is_followed = False

    def __init__(self, path: str) -> None:
        self._path = path
        self._writes = Writes(Path(f"{path}-wal"))
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def token(self) -> object:
        with self._lock:
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            try:
                return self._connection.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.OperationalError:
                return time.monotonic()

    @property
    def glance_seconds(self) -> float:
        return self._writes.glance_seconds

    def tell(self, call: Callable[[], None]) -> Callable[[], None]:
        self.token()  # which makes the file that is written
        return self._writes.tell(call)

    def close(self) -> None:
        self._writes.stop()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class PostgresWakeup:
    """PostgreSQL's LISTEN on a connection of its own, in a thread that begins at the first look.

    Behind a pooler it may hear nothing: something may have changed with every second.

    Args:
        alias: the database.
    """

    glance_seconds = TOLD_GLANCE_SECONDS

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._count = 0
        self._told: list[Callable[[], None]] = []
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def token(self) -> object:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="container-manager listen", daemon=True)
                self._thread.start()
        return self._count

    def tell(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have it called, in the listening thread, with every change that is heard of; returns what ends it."""
        self._told.append(call)
        self.token()
        return lambda: self._told.remove(call)

    @property
    def is_followed(self) -> bool:
        """Whether somebody in this process is called with changes, and so looks at them all the time."""
        return bool(self._told)

    def _heard(self) -> None:
        self._count += 1
        for call in tuple(self._told):
            call()

    def close(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * _LISTEN_SECONDS)

    def _listen(self) -> None:
        while not self._stopped.is_set():
            connection: Any = connections.create_connection(self._alias)
            try:
                self._hear(connection)
            except DatabaseError:
                self._heard()
                self._stopped.wait(_RECONNECT_SECONDS)
            finally:
                connection.close()

    def _hear(self, connection: Any) -> None:
        connection.ensure_connection()
        # A pooler may give notifications to whoever has the listening process just then.
        is_told = is_direct(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._heard()  # what came before is not known
        with connection.wrap_database_errors:
            while not self._stopped.is_set():
                for _ in connection.connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                    self._heard()
                if not is_told:
                    self._heard()


Wakeup = NoWakeup | SqliteWakeup | PostgresWakeup


def wakeup_of(alias: str) -> Wakeup:
    """What tells of changes of a database."""
    connection: Any = connections.create_connection(alias)
    if connection.vendor == "postgresql" and connection.Database.__name__ == "psycopg":
        return PostgresWakeup(alias)
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():
        return SqliteWakeup(str(connection.settings_dict["NAME"]))
    return NoWakeup()
