"""Money in the database: the accounts of budgets, and what ended attempts have cost."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from container_manager.store.rows import EXECUTIONS, JOBS, microseconds
from container_manager.store.sql import insert_missing, places
from container_manager_core.amounts import from_millionths, millionths
from container_manager_core.costs.sums import LABEL, CostQuery, CostSum
from container_manager_core.serialising import spec_from_json
from container_manager_core.store.protocol import Charge, Record

ACCOUNTS = "container_manager_budgetaccount"

_DAY = {
    "postgresql": "to_char(to_timestamp(launched / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "sqlite": "strftime('%%Y-%%m-%%d', launched / 1000000, 'unixepoch')",
    "mysql": "date_format(date_add('1970-01-01', INTERVAL launched DIV 1000000 SECOND), '%%Y-%%m-%%d')",
}
_PERIOD_CHARACTERS = {"day": 10, "month": 7}


class Accounts:
    """The balances that one batch of records changes; no other transaction changes them meanwhile.

    Args:
        connection: in a transaction.
        cursor: runs the statements.
        records: all that will be written.
    """

    def __init__(self, connection: Any, cursor: Any, records: Sequence[Record]) -> None:
        self._cursor = cursor
        self._changed: set[str] = set()
        wanted = sorted({charge.account for record in records for charge in record.charges})
        if wanted:
            statement = insert_missing(connection.vendor, ACCOUNTS, {"account": "%s", "amount": "0"}, "account")
            cursor.executemany(statement, [(name,) for name in wanted])
        lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
        self._balances = balances(cursor, wanted, lock)

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

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Undo the same."""
        for charge in charges:
            self._balances[charge.account] -= charge.amount

    def finish(self) -> None:
        """Write what has changed."""
        changes = [(millionths(self._balances[account]), account) for account in sorted(self._changed)]
        if changes:
            self._cursor.executemany(f"UPDATE {ACCOUNTS} SET amount = %s WHERE account = %s", changes)


def balances(cursor: Any, accounts: Sequence[str], lock: str = "") -> dict[str, Decimal]:
    """What each account holds."""
    found = dict.fromkeys(accounts, Decimal(0))
    if found:
        cursor.execute(
            f"SELECT account, amount FROM {ACCOUNTS} WHERE account IN ({places(len(found))}) ORDER BY account{lock}",
            list(found),
        )
        found.update({account: from_millionths(int(amount)) for account, amount in cursor.fetchall()})
    return found


def accounts(cursor: Any, beginning: str) -> dict[str, Decimal]:
    """What the accounts hold whose names begin so."""
    # Databases differ in what LIKE takes for the same letter: it only narrows the search.
    pattern = re.sub(r"[!%_]", r"!\g<0>", beginning) + "%"
    cursor.execute(f"SELECT account, amount FROM {ACCOUNTS} WHERE account LIKE %s ESCAPE '!'", [pattern])
    named = sorted((name, from_millionths(int(amount))) for name, amount in cursor.fetchall())
    return {name: amount for name, amount in named if name.startswith(beginning)}


def sums(vendor: str, cursor: Any, query: CostQuery) -> Sequence[CostSum]:
    """The sums of a query: summed in the database, and then over the specs that have the same labels."""
    columns = [_column(vendor, group) for group in query.by]
    conditions, given = _bounds(query)
    grouped = [column for column in columns if column is not None]
    labels = len(grouped) < len(columns)
    keys = [*grouped, "job.spec"] if labels else grouped
    order = ", ".join(str(number) for number in range(1, len(keys) + 1))
    cursor.execute(
        f"SELECT {''.join(f'{key}, ' for key in keys)}count(DISTINCT job_id), count(*), sum(amount)"
        f" FROM {EXECUTIONS} execution JOIN {JOBS} job ON job.id = job_id WHERE amount > 0{conditions}"
        + (f" GROUP BY {order}" if order else " HAVING count(*) > 0"),
        given,
    )
    found: dict[tuple[str | None, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in cursor.fetchall():
        *values, jobs, attempts, amount = row
        summed = found[_keys(query, values, labels)]
        for position, number in enumerate((jobs, attempts, amount)):
            summed[position] += int(number)
    return [
        CostSum(keys=key, jobs=jobs, attempts=attempts, cost=from_millionths(amount))
        for key, (jobs, attempts, amount) in sorted(found.items(), key=lambda item: _order(item[0]))
    ]


def _column(vendor: str, group: str) -> str | None:
    if group in _PERIOD_CHARACTERS:
        return f"substr({_DAY[vendor]}, 1, {_PERIOD_CHARACTERS[group]})"
    known: Mapping[str, str] = {
        "host": "execution.host_id",
        "executor": "execution.executor_type",
        "user": "job.submitter",
    }
    return known.get(group)


def _bounds(query: CostQuery) -> tuple[str, list[int]]:
    wanted = {" AND launched >= %s": microseconds(query.since), " AND launched < %s": microseconds(query.until)}
    given = {condition: moment for condition, moment in wanted.items() if moment is not None}
    return "".join(given), list(given.values())


def _keys(query: CostQuery, values: Sequence[Any], labels: bool) -> tuple[str | None, ...]:
    rest = iter(values)
    of_spec = spec_from_json(values[-1]).labels if labels else {}
    return tuple(
        of_spec.get(group.removeprefix(LABEL)) if group.startswith(LABEL) else next(rest) for group in query.by
    )


def _order(keys: Sequence[str | None]) -> list[tuple[bool, str]]:
    return [(key is not None, key or "") for key in keys]
