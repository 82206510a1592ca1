"""PostgreSQL on connections of the store's own: its statements are planned once, unless a pooler is in between.

Planning takes PostgreSQL longer than doing, where one job is claimed or recorded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from weakref import WeakSet

from django.db.backends.signals import connection_created

_USES_BEFORE = 5
_MOST_PREPARED = 30

_own: WeakSet[Any] = WeakSet()
_direct: WeakSet[Any] = WeakSet()
_READ_COMMITTED = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"


def watch_connections() -> None:
    """Have the store's own connections set up whenever one of them is opened."""
    connection_created.connect(_set_up, dispatch_uid="container_manager.postgresql")


def own(connection: Any) -> None:
    """Note that a connection is the store's own: it is set up as the store needs it.

    Connections of Django's pool are not ours alone.
    """
    has_psycopg = connection.vendor == "postgresql" and connection.Database.__name__ == "psycopg"
    if has_psycopg and "pool" not in connection.settings_dict["OPTIONS"]:
        _own.add(connection)


def cursor_of(connection: Any) -> Any:
    """A cursor for the store's statements; the ORM, and what receivers of signals do with it, has its own ones."""
    if connection.connection is None:
        connection.ensure_connection()
    if getattr(connection.connection, "prepare_threshold", None) is None:
        return connection.cursor()
    return binding_cursor(connection)


def binding_cursor(connection: Any) -> Any:
    """A cursor that sends values apart from the statement.

    Django's own, but for an option of the database, writes them into it: that is another statement for each job then,
    and bytes are twice as long.
    """
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return wrap(connection.Database.Cursor(connection.connection))


class QuickCursor:
    """psycopg's own cursor on a connection of the store's own, kept from one statement to the next.

    Django's is made for each statement, and psycopg looks for placeholders in a long one each time: that takes up to a
    tenth of the time to claim and record a job. Errors are Django's.

    Args:
        connection: open.
    """

    def __init__(self, connection: Any) -> None:
        self.db = connection
        cursor = connection.Database.RawCursor(connection.connection)
        self._execute = cursor.execute
        self._errors = connection.wrap_database_errors
        self.fetchall = cursor.fetchall
        self.nextset = cursor.nextset

    def execute(self, statement: str, given: Sequence[Any] = ()) -> None:
        """Run a statement whose placeholders are ``%s``; it is prepared at its first use."""
        with self._errors:
            self._execute(_numbered(statement), given, prepare=True)


@lru_cache
def _numbered(statement: str) -> str:
    """The statement with the server's own placeholders."""
    first, *rest = statement.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def quick_cursor(connection: Any) -> QuickCursor | None:
    """The kept cursor of an open connection of the store's own, unless somebody wants to hear of its statements."""
    is_open = connection.connection is not None and connection in _direct
    if not is_open or connection.execute_wrappers or connection.queries_logged:
        return None
    kept: QuickCursor = connection.quick_cursor
    return kept


def can_pipeline(connection: Any) -> bool:
    """Whether `pipeline` can be used: on an open connection of the store's own that commits by itself."""
    return connection in _direct and connection.get_autocommit() and bool(connection.Database.Pipeline.is_supported())


@contextmanager
def pipeline(connection: Any) -> Iterator[None]:
    """Sends the block's statements together, as one transaction. It has ended, and results can be read, after it."""
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def is_direct(connection: Any) -> bool:
    """Whether one process of the server is this connection's for as long as it is open.

    A pooler may give each transaction to another, which does not know what this one has prepared and listens to, or
    knows something else by its name. It cannot tell a client of one process: what it tells is no process of the server.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    return bool(process == connection.connection.info.backend_pid)


def _set_up(sender: Any, connection: Any, **_: Any) -> None:
    """What the project says of preparing statements stays as it is."""
    _direct.discard(connection)
    if connection not in _own:
        return
    # Places and money are counted once nobody else takes any, and must be seen as they are then.
    connection.connection.isolation_level = connection.Database.IsolationLevel.READ_COMMITTED
    if "prepare_threshold" not in connection.settings_dict["OPTIONS"] and is_direct(connection):
        connection.connection.execute(_READ_COMMITTED)
        connection.connection.prepare_threshold = _USES_BEFORE
        connection.connection.prepared_max = _MOST_PREPARED
        _direct.add(connection)
        connection.quick_cursor = QuickCursor(connection)
