"""A SQLite file that many threads and processes use at once, with errors that say what to do."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from container_manager_core.errors import ConfigurationError, StoreUnavailable
from container_manager_core.store.sqlite import schema

T = TypeVar("T")

WAIT_SECONDS = 30.0
_DURABLE = "PRAGMA synchronous = FULL"
_ORDERED = "PRAGMA synchronous = NORMAL"
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "end the program that keeps it locked, or try again",
    sqlite3.SQLITE_LOCKED: "end the program that keeps it locked, or try again",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_READONLY: "make the file, its folder and its disk writable",
    sqlite3.SQLITE_PERM: "make the file readable and writable for this user",
    sqlite3.SQLITE_CANTOPEN: "make its folder, and let this user write there",
    sqlite3.SQLITE_CORRUPT: "restore it from a copy, or move it away to begin with an empty one",
    sqlite3.SQLITE_IOERR: "look whether its disk is full, broken or gone",
}
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_SCHEMA})
_OF_THE_FILE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR})
_OWN_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError, sqlite3.DataError)


class Database:
    """Connections to one SQLite file in WAL mode. Opened at the first use; survives a fork.

    Args:
        path: the file; its folder must exist.
        url: how the store is called in messages.
        wait_seconds: how long to wait for other writers before `StoreUnavailable`.
    """

    def __init__(self, path: Path, url: str, wait_seconds: float = WAIT_SECONDS) -> None:
        self._path = path
        self._url = url
        self._wait_seconds = wait_seconds
        self._inherited: list[object] = []
        self._is_closed = False
        self._begin_process()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` returns; everything that it reads belongs to one moment."""
        return self._run(("BEGIN",), work)

    def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """What ``work`` returns, after what it wrote is durable: all of it, or nothing if it raises.

        ``work`` is called again when another program was in the way.

        Args:
            durable: wait until it survives the machine's crash. Else only what is written durably later, by anybody,
                makes it so; it survives a crash of every process all the same.
        """
        self._look_for_fork()
        if not self._writing.acquire(timeout=self._wait_seconds):
            raise StoreUnavailable(
                self._url, f"this process has been writing for {self._wait_seconds:g} s", "try again"
            )
        try:
            return self._run((_DURABLE if durable else _ORDERED, "BEGIN IMMEDIATE"), work)
        finally:
            self._writing.release()

    def version(self) -> tuple[int, int, int]:
        """A token that is another one after every commit of anybody. Reads no table."""
        self._look_for_fork()
        with self._watching:
            return self._patiently(self._data_version)

    def close(self) -> None:
        """Close the connections that nobody uses now; the others are closed after use."""
        self._look_for_fork()
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
        with self._watching:
            self._drop_watcher()

    def _begin_process(self) -> None:
        self._process = os.getpid()
        self._idle: list[sqlite3.Connection] = []
        self._watcher: sqlite3.Connection | None = None
        self._watchers = 0
        self._watching = threading.Lock()
        self._writing = threading.Lock()

    def _look_for_fork(self) -> None:
        if self._process != os.getpid():
            # A connection must not be used, nor even closed, in another process than the one that opened it.
            self._inherited += [*self._idle, self._watcher]
            self._begin_process()

    def _run(self, begin: Sequence[str], work: Callable[[sqlite3.Connection], T]) -> T:
        def attempt() -> T:
            with self._connection() as connection:
                for statement in begin:
                    connection.execute(statement)
                result = work(connection)
                connection.execute("COMMIT")
                return result

        return self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], T]) -> T:
        started = time.monotonic()
        while True:
            try:
                return attempt()
            except sqlite3.DatabaseError as error:
                if isinstance(error, _OWN_MISTAKES):
                    raise
                waited = time.monotonic() - started
                if _code(error) not in _PASSING or waited > self._wait_seconds:
                    raise self._translated(error, waited) from error
            # Who has waited longer looks more often, so that nobody starves.
            time.sleep(random.uniform(0.001, 0.003) if waited < 0.02 else 0.0003)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self._look_for_fork()
        if self._is_closed:
            raise StoreUnavailable(self._url, "it was closed", "open it again")
        idle = self._idle
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._open()
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            if _code(error) in _PASSING:
                self._give_back(connection, idle)
            else:
                connection.close()
            if _code(error) in _OF_THE_FILE:
                self._open_anew()
            raise
        except BaseException:
            self._give_back(connection, idle)
            raise
        self._give_back(connection, idle)

    def _open_anew(self) -> None:
        """Close what nobody uses now: what was opened read-only makes all that is opened beside it read-only too."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()
        with self._watching:
            self._drop_watcher()

    def _give_back(self, connection: sqlite3.Connection, idle: list[sqlite3.Connection]) -> None:
        if connection.in_transaction:
            connection.rollback()
        if self._is_closed:
            connection.close()
        else:
            idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            connection.execute(_DURABLE)
            connection.execute("PRAGMA cache_size = -8192")
            connection.execute("PRAGMA journal_size_limit = 16777216")
            if schema.version(connection, str(self._path)) < len(schema.MIGRATIONS):
                self._begin_write_ahead_log(connection)
                schema.migrate(connection, str(self._path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise ConfigurationError(
                str(self._path), "its file system has no shared memory between processes", "put it on a local disk"
            )

    def _data_version(self) -> tuple[int, int, int]:
        if self._is_closed:
            raise StoreUnavailable(self._url, "it was closed", "open it again")
        if self._watcher is None:
            self._watcher = self._open()
            self._watchers += 1
        try:
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError:
            self._drop_watcher()
            raise
        return self._process, self._watchers, version

    def _drop_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def _translated(self, error: sqlite3.DatabaseError, waited: float) -> Exception:
        code = _code(error)
        if code == sqlite3.SQLITE_NOTADB:
            return ConfigurationError(str(self._path), "it is no SQLite database", "name another file")
        problem = str(error)
        if "no such" in problem or "has no column" in problem:
            return ConfigurationError(
                str(self._path), f"its tables are not those of this version ({problem})", "name another file"
            )
        if code in _PASSING:
            problem += f" (for {waited:.0f} s)"
        return StoreUnavailable(self._url, problem, _REMEDIES.get(code, ""))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
