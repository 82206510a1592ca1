"""PostgreSQL on connections of the store's own: its statements are planned once, unless a pooler is in between.

Planning takes PostgreSQL longer than doing, where one job is claimed or recorded.
"""

from typing import Any
from weakref import WeakSet

from django.db.backends.signals import connection_created

_USES_BEFORE = 5
_MOST_PREPARED = 30

_own: WeakSet[Any] = WeakSet()


def watch_connections() -> None:
    """Have the store's own connections set up whenever one of them is opened."""
    connection_created.connect(_set_up, dispatch_uid="container_manager.postgresql")


def let_prepare(connection: Any) -> None:
    """Let the store prepare its statements on a connection of its own, where it can.

    What the project's OPTIONS say about it stays as it is; connections of Django's pool are not ours alone.
    """
    if connection.vendor == "postgresql" and connection.Database.__name__ == "psycopg":
        options = connection.settings_dict["OPTIONS"]
        if not {"prepare_threshold", "pool"} & set(options):
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
    if connection in _own and is_direct(connection):
        connection.connection.prepare_threshold = _USES_BEFORE
        connection.connection.prepared_max = _MOST_PREPARED
