"""Statements for the store: worded for each kind of database, with values as its driver takes them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from container_manager.store.rows import microseconds
from container_manager_core.clock import Clock, SystemClock

NOW = {
    "postgresql": "(extract(epoch from statement_timestamp()) * 1000000)::bigint",
    # Whatever the session's time zone, and without the hour that comes twice a year.
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}
"""Microseconds since 1970 by the database's own clock; SQLite has the machine's."""


def now_sql(vendor: str, clock: Clock | None) -> str:
    """The time as an expression: the database's own, or a clock's."""
    if clock is None and vendor in NOW:
        return NOW[vendor]
    return str(microseconds((clock or SystemClock()).now()))


def value(connection: BaseDatabaseWrapper, given: Any) -> Any:
    """A value as the driver of the database takes it."""
    if given is None or isinstance(given, str | int):
        return given
    if isinstance(given, UUID):
        return given if connection.vendor == "postgresql" else given.hex
    if isinstance(given, datetime):
        return connection.ops.adapt_datetimefield_value(given)
    if isinstance(given, Mapping):
        return connection.ops.adapt_json_value(dict(given), None)
    return given


def values(connection: BaseDatabaseWrapper, given: Iterable[Any]) -> list[Any]:
    """Several of them."""
    return [value(connection, each) for each in given]


def integer(vendor: str) -> str:
    """A placeholder for a whole number where the database cannot tell from its surroundings."""
    return f"CAST(%s AS {'SIGNED' if vendor == 'mysql' else 'BIGINT'})"


def places(number: int) -> str:
    """Placeholders for so many values."""
    return ", ".join(["%s"] * number)


def among(connection: BaseDatabaseWrapper, column: str, given: Sequence[Any], kind: str) -> tuple[str, list[Any]]:
    """A condition that a column has one of these values, and what it is given.

    Args:
        kind: the column's type on PostgreSQL, where it is one statement for any number of values.
    """
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s::{kind}[])", [[str(each) for each in given]]
    return f"{column} IN ({places(len(given))})", values(connection, given)


def insert(table: str, columns: Sequence[str]) -> str:
    """An INSERT of one row."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places(len(columns))})"


def insert_missing(vendor: str, table: str, row: Mapping[str, str], key: str) -> str:
    """An INSERT of one row that changes none of the same key, if there is one; on MySQL it locks that.

    Args:
        row: a placeholder or an expression for each column.
    """
    statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
    # INSERT IGNORE would share the lock with others who do the same: none of them could go on and write.
    kept = f"ON DUPLICATE KEY UPDATE {key} = {key}" if vendor == "mysql" else "ON CONFLICT DO NOTHING"
    return f"{statement} {kept}"


def upsert(vendor: str, table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """An INSERT of one row that replaces one of the same key."""
    rest = [column for column in columns if column not in key]
    if vendor == "mysql":
        changes = ", ".join(f"{column} = VALUES({column})" for column in rest)
        return f"{insert(table, columns)} ON DUPLICATE KEY UPDATE {changes}"
    changes = ", ".join(f"{column} = excluded.{column}" for column in rest)
    return f"{insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
