"""The store in a SQLite file."""

from container_manager_core.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
