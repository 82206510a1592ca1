"""PostgreSQL on connections of the store's own: statements are planned once, unless a pooler is in between.

Planning a statement takes PostgreSQL longer than running it where one job is claimed or recorded.
"""

from typing import Any
from weakref import WeakSet

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

_USES_BEFORE = 5
_MOST_PREPARED = 30

_own: WeakSet[BaseDatabaseWrapper] = WeakSet()


def watch_connections() -> None:
    """Have the store's own connections set up whenever one of them is opened."""
    connection_created.connect(_set_up, dispatch_uid="container_manager.postgresql")


def prepare(connection: Any) -> None:
    """Let a connection of the store's own, not opened yet, prepare its statements where it can.

    What the project's OPTIONS say about it stays as it is; connections of Django's pool are not ours alone.
    """
    if connection.vendor != "postgresql" or connection.Database.__name__ != "psycopg":
        return
    options = connection.settings_dict["OPTIONS"]
    if options.get("server_side_binding", True) is not True or {"prepare_threshold", "pool"} & set(options):
        return
    # What is prepared has no values in it.
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": {**options, "server_side_binding": True}}
    _own.add(connection)


def _set_up(sender: Any, connection: Any, **_: Any) -> None:
    if connection in _own and is_direct(connection):
        connection.connection.prepare_threshold = _USES_BEFORE
        connection.connection.prepared_max = _MOST_PREPARED


def is_direct(connection: Any) -> bool:
    """Whether one process of the server is this connection's for as long as it is open.

    A pooler may give each transaction to another, which does not know what this one has prepared and listens to, or
    knows something else by its name. It cannot tell a client of one process: what it tells is no process of the server.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    return bool(process == connection.connection.info.backend_pid)
