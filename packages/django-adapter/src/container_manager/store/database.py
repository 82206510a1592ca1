"""The project's database as the store uses it: short transactions, errors that say what to do, own connections."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from container_manager.store import postgresql
from container_manager.store.troubles import is_busy, is_passing, is_stale, remedy_of
from container_manager_core.errors import StoreUnavailable

T = TypeVar("T")

WAIT_SECONDS = 30.0


class Database:
    """One database of the project.

    Until `pool` is called, a thread that has a Django connection uses it, so that what is written belongs to the
    caller's transaction. All others, the threads of a worker for one, borrow connections of our own for one statement
    or transaction each: nobody would close theirs when they end.

    Args:
        alias: its name in DATABASES.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._pooled = False
        self._idle: deque[BaseDatabaseWrapper] = deque()
        self._borrowed = threading.local()
        self._lenders = 0
        self._lending = threading.Lock()

    def pool(self) -> None:
        """From now on, every thread uses connections of our own, which stay open."""
        self._pooled = True

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Keep connections of our own open from one use to the next while the block runs."""
        with self._lending:
            self._lenders += 1
        try:
            yield
        finally:
            with self._lending:
                self._lenders -= 1
                if not self._keeps:
                    self.close()

    @property
    def _keeps(self) -> bool:
        return self._pooled or self._lenders > 0

    @cached_property
    def vendor(self) -> str:
        """``postgresql``, ``sqlite`` or ``mysql``."""
        vendor: str = connections.create_connection(self.alias).vendor
        return vendor

    @contextmanager
    def connected(self) -> Iterator[BaseDatabaseWrapper]:
        """A connection that is also the ORM's in this thread, while the block runs."""
        if self._uses_djangos:
            yield connections[self.alias]
            return
        usual = self._usual
        with _Loan(self) as own:
            connections[self.alias] = own
            self._borrowed.depth = True
            try:
                yield own
            finally:
                self._borrowed.depth = False
                if usual is None:
                    del connections[self.alias]
                else:
                    connections[self.alias] = usual

    @property
    def _usual(self) -> BaseDatabaseWrapper | None:
        """Django's connection of this thread, if it has one."""
        return next((one for one in connections.all(initialized_only=True) if one.alias == self.alias), None)

    @property
    def _uses_djangos(self) -> bool:
        """Whether this thread is to use what Django gives it, which may be the connection lent to it already."""
        return getattr(self._borrowed, "depth", False) or not (self._pooled or self._usual is None)

    def run(self, work: Callable[[Any], T]) -> T:
        """What ``work`` returns, given a cursor: one statement, or reads that need not agree with each other.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        return self._patiently(lambda connection: self._with_cursor(connection, work))

    def run_alone(self, work: Callable[[Any], T]) -> T:
        """The same for one statement, or several sent at once, whose ``work`` uses nothing of Django but the cursor.

        It is sooner done. The cursor executes, and fetches all.
        """
        loan = None if self._uses_djangos else _Loan(self)
        return self._patiently(lambda connection: self._quickly(connection, work), loan)

    def write(self, work: Callable[[Any], T]) -> T:
        """What ``work`` returns, after what it wrote is durable: all of it, or nothing if it raises.

        Inside the caller's transaction it is as durable as that. ``work`` is called again when another writer was
        in the way. Raises `StoreUnavailable`.
        """

        def attempt(connection: BaseDatabaseWrapper) -> T:
            with transaction.atomic(using=self.alias):
                return self._with_cursor(connection, work)

        return self._patiently(attempt)

    def close(self) -> None:
        """Close the connections of our own that nobody uses now."""
        while self._idle:
            self._idle.pop().close()

    @staticmethod
    def _with_cursor(connection: BaseDatabaseWrapper, work: Callable[[Any], T]) -> T:
        with postgresql.cursor_of(connection) as cursor:
            return work(cursor)

    def _quickly(self, connection: BaseDatabaseWrapper, work: Callable[[Any], T]) -> T:
        cursor = postgresql.quick_cursor(connection)
        return self._with_cursor(connection, work) if cursor is None else work(cursor)

    def _patiently(self, attempt: Callable[[BaseDatabaseWrapper], T], loan: "_Loan | None" = None) -> T:
        started = time.monotonic()
        while True:
            with loan or self.connected() as connection:
                inside = connection.in_atomic_block
                try:
                    return attempt(connection)
                except (OperationalError, InterfaceError, DatabaseError) as error:
                    if inside or not is_passing(error):
                        raise
                    busy = is_busy(error)
                    if not busy:
                        connection.close()
                        self.close()  # what one of them lost, the others have lost too
                    if not (busy or is_stale(error)) or time.monotonic() - started > WAIT_SECONDS:
                        raise self._translated(error) from error
            time.sleep(random.uniform(0.001, 0.01))

    def _borrow(self) -> BaseDatabaseWrapper:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connections.create_connection(self.alias)
            connection.inc_thread_sharing()
            postgresql.own(connection)
        connection.close_if_health_check_failed()
        return connection

    def _give_back(self, connection: BaseDatabaseWrapper) -> None:
        if connection.errors_occurred or connection.closed_in_transaction:
            connection.close()
        with self._lending:
            if self._keeps:
                self._idle.append(connection)
                return
        connection.close()

    def _translated(self, error: Exception) -> StoreUnavailable:
        problem = " ".join(str(error).split())
        return StoreUnavailable(f"django:{self.alias}", problem or type(error).__name__, remedy_of(error))


class _Loan:
    """A connection of our own, while a block runs; one block after the other.

    Args:
        database: whose.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> BaseDatabaseWrapper:
        self._connection = self._database._borrow()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._database._give_back(self._connection)
