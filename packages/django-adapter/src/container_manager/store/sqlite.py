"""SQLite under several processes: write transactions that begin as such, and readers that block nobody."""

from typing import Any

from django.db.backends.signals import connection_created


def watch_connections() -> None:
    """Have every connection to the jobs' database set up when it is opened, where it is SQLite."""
    connection_created.connect(_set_up, dispatch_uid="container_manager.sqlite")


def _set_up(sender: Any, connection: Any, **_: Any) -> None:
    from container_manager.conf import manager_settings
    from container_manager_core.errors import ConfigurationError

    if connection.vendor != "sqlite":
        return
    try:
        database = manager_settings().database
    except ConfigurationError:
        return  # the system check says what is wrong with them
    if connection.alias != database:
        return
    # A transaction that reads first and then writes fails at once when another process wrote in between,
    # whatever the timeout, unless it began as a writing one.
    if connection.transaction_mode is None:
        connection.transaction_mode = "IMMEDIATE"
    if not connection.is_in_memory_db():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
