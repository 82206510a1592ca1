"""Money in a SQLite store: the accounts of budgets, and what ended attempts have cost."""

import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from container_manager_core.amounts import from_millionths, millionths
from container_manager_core.costs.sums import LABEL, PERIOD_FORMATS, CostQuery, CostSum
from container_manager_core.job import Job
from container_manager_core.store.protocol import Charge
from container_manager_core.store.sqlite import rows

_ACCOUNTS_A_QUERY = 500
_COLUMNS = {
    "host": "costs.host",
    "executor": "costs.executor",
    "user": "json_extract(facts, '$.created_by')",
    **{
        group: f"strftime('{written}', launched_at / 1000000, 'unixepoch')" for group, written in PERIOD_FORMATS.items()
    },
}
_LABEL_COLUMN = "(SELECT value FROM json_each(jobs.spec, '$.labels') WHERE key = ?)"


class Accounts:
    """The balances that one batch of charges changes.

    Args:
        connection: in a write transaction.
        charges: all that will be booked.
    """

    def __init__(self, connection: sqlite3.Connection, charges: Iterable[Charge]) -> None:
        self._connection = connection
        self._balances = balances(connection, [charge.account for charge in charges])
        self._changed: set[str] = set()

    def book(self, charges: Sequence[Charge]) -> bool:
        """Book all of them, or none when an account would hold more than a cap."""
        after: dict[str, Decimal] = {}
        for charge in charges:
            after[charge.account] = after.get(charge.account, self._balances[charge.account]) + charge.amount
            if charge.cap is not None and after[charge.account] > charge.cap:
                return False
        self._balances.update(after)
        self._changed.update(after)
        return True

    def finish(self) -> None:
        """Write what has changed."""
        self._connection.executemany(
            "INSERT INTO accounts (account, amount) VALUES (?, ?) ON CONFLICT DO UPDATE SET amount = excluded.amount",
            [(rows.text(account), millionths(self._balances[account])) for account in sorted(self._changed)],
        )
        self._changed.clear()


def balances(connection: sqlite3.Connection, accounts: Sequence[str]) -> dict[str, Decimal]:
    """What each account holds."""
    found = dict.fromkeys(accounts, Decimal(0))
    wanted = [rows.text(account) for account in found]
    for start in range(0, len(wanted), _ACCOUNTS_A_QUERY):
        some = wanted[start : start + _ACCOUNTS_A_QUERY]
        query = f"SELECT account, amount FROM accounts WHERE account IN ({rows.placeholders(some)})"
        for account, amount in connection.execute(query, some):
            found[rows.text_of(account)] = from_millionths(amount)
    return found


def accounts(connection: sqlite3.Connection, beginning: str) -> dict[str, Decimal]:
    """What the accounts hold whose names begin so."""
    # Names that are no Unicode are stored as bytes, and SQLite puts these behind all text.
    query = "SELECT account, amount FROM accounts WHERE account >= ? AND account < ? OR account >= x''"
    found = connection.execute(query, (rows.text(beginning), rows.text(beginning + chr(sys.maxunicode))))
    named = sorted((rows.text_of(stored), amount) for stored, amount in found)
    return {name: from_millionths(amount) for name, amount in named if name.startswith(beginning)}


def keep_cost(connection: sqlite3.Connection, number: int, job: Job) -> None:
    """Note what the attempt that has just ended has cost, if anything."""
    execution = job.execution
    if execution is None or not execution.cost:
        return
    connection.execute(
        "INSERT OR REPLACE INTO costs (job, attempt, launched_at, host, executor, amount) VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            execution.attempt,
            rows.microseconds(execution.created_at),
            rows.text(execution.host),
            rows.text(execution.executor),
            millionths(execution.cost),
        ),
    )


def sums(connection: sqlite3.Connection, query: CostQuery) -> Sequence[CostSum]:
    """The sums of a query."""
    columns, values = [], []
    for group in query.by:
        columns.append(_COLUMNS.get(group, _LABEL_COLUMN))
        values += [] if group in _COLUMNS else [rows.text(group.removeprefix(LABEL))]
    conditions, bounds = _bounds(query)
    keys = "".join(f"{column} AS key_{number}, " for number, column in enumerate(columns))
    order = ", ".join(f"key_{number}" for number in range(len(columns)))
    needs_job = set(query.by) - {"host", "executor", *PERIOD_FORMATS}
    found = connection.execute(
        f"SELECT {keys}count(DISTINCT job), count(*), sum(amount) FROM costs"
        + (" JOIN jobs ON jobs.number = costs.job" if needs_job else "")
        + f" WHERE {conditions}"
        + (f" GROUP BY {order} ORDER BY {order}" if order else " HAVING count(*) > 0"),
        [*values, *bounds],
    )
    return [_sum(row) for row in found]


def _bounds(query: CostQuery) -> tuple[str, list[Any]]:
    conditions: Mapping[str, Any] = {
        "launched_at >= ?": rows.microseconds(query.since),
        "launched_at < ?": rows.microseconds(query.until),
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    return " AND ".join(given) or "1", list(given.values())


def _sum(row: Sequence[Any]) -> CostSum:
    *keys, jobs, attempts, amount = row
    return CostSum(
        keys=tuple(rows.text_of(key) for key in keys), jobs=jobs, attempts=attempts, cost=from_millionths(amount)
    )
