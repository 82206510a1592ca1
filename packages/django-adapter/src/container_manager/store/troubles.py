"""What the errors of databases mean: whether to try again, and what helps."""

from django.db import InterfaceError, OperationalError

_BUSY = (
    "database is locked",
    "database table is locked",
    "deadlock",
    "could not serialize",
    "lock wait timeout",
    "record has changed since last read",
)
_REMEDIES = {
    "prepared statement": "set 'prepare_threshold' to None in the OPTIONS of this database",
    "no such table": "run 'manage.py migrate'",
    "does not exist": "run 'manage.py migrate'",
    "doesn't exist": "run 'manage.py migrate'",
    "unknown column": "run 'manage.py migrate'",
    "max_allowed_packet": "raise max_allowed_packet in the server's configuration",
    "incorrect string value": "convert the database and its tables to the character set utf8mb4",
}
_STALE = ("cached plan must not change result type", "prepared statement")
_LOOK = "look whether the database runs"


def is_busy(error: Exception) -> bool:
    """Whether another writer was in the way: the same succeeds when it is done again."""
    said = str(error).lower()
    return any(words in said for words in _BUSY)


def is_stale(error: Exception) -> bool:
    """Whether a connection knows too little of the database, as after a migration: a new one knows better."""
    said = str(error).lower()
    return any(words in said for words in _STALE)


def is_passing(error: Exception) -> bool:
    """Whether the database, rather than what was asked of it, is the trouble; missing tables count as that."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    if is_stale(error):
        return True
    return type(error).__name__ == "ProgrammingError" and remedy_of(error) != _LOOK


def remedy_of(error: Exception) -> str:
    """What to do about an error that is the database's own trouble."""
    said = str(error).lower()
    return next((remedy for words, remedy in _REMEDIES.items() if words in said), _LOOK)
