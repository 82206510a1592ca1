"""Taking jobs under a lease, inside one transaction."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from container_manager_core.store.protocol import Claim
from container_manager_core.store.sqlite import rows
from container_manager_core.store.sqlite.leases import Leases

# Worded as the partial indexes are, without which SQLite could not use them.
_ORPHANED = "attention = 1 AND worker IS NULL"
_READY = "status = 'pending' AND worker IS NULL AND due_at IS NULL AND attention = 0"
_NOT_DUE = "status = 'pending' AND worker IS NULL AND due_at IS NOT NULL AND attention = 0"
_OVERDUE = "status = 'pending' AND worker IS NULL AND overdue_at IS NOT NULL AND attention = 0"
_WORKER, _EPOCH = 8, 9
_DUE_AT_ONCE = 10_000
_NEVER = (1 << 63) - 1
_NEXT = f"""SELECT min(coalesce((SELECT min(expires_at) FROM workers), {_NEVER}),
    coalesce((SELECT min(due_at) FROM jobs INDEXED BY jobs_not_due WHERE {_NOT_DUE}), {_NEVER}),
    coalesce((SELECT min(overdue_at) FROM jobs INDEXED BY jobs_overdue WHERE {_OVERDUE}), {_NEVER}))"""

Jobs = tuple[str, str, list[Any]]
"""Which jobs: the index to find them by, a condition and its values."""


def take(connection: sqlite3.Connection, claim: Claim, now: datetime, leases: Leases) -> Sequence[Sequence[Any]]:
    """The rows of a claim's jobs, now held by its worker; leases that have run out are given back first."""
    moment = rows.microseconds(now)
    for (worker,) in connection.execute("SELECT id FROM workers WHERE expires_at <= ?", (moment,)).fetchall():
        _give_back_all(connection, worker)
    if not leases.put_down(connection, claim.worker, now) or _is_for_none(claim):
        return []
    holder = rows.text(claim.worker)
    taken = _select(connection, _orphaned(claim), "created_at, number", -1)
    taken += _select(connection, _overdue(claim, moment), "overdue_at, number", _DUE_AT_ONCE)
    if claim.pending and claim.limit > 0:
        _make_due(connection, moment)
        known = {row[-1] for row in taken}
        ready = _select(connection, _ready(claim), "priority DESC, created_at, number", claim.limit)
        taken += [row for row in ready if row[-1] not in known]
    connection.executemany(
        "UPDATE jobs SET worker = ?, epoch = epoch + 1 WHERE number = ?", [(holder, row[-1]) for row in taken]
    )
    return [[*row[:_WORKER], holder, row[_EPOCH] + 1, *row[_EPOCH + 1 :]] for row in taken]


def look(connection: sqlite3.Connection, claim: Claim, now: datetime) -> int | None:
    """Whether a claim might bring jobs, or has leases to end; reads only, and only the first entries of indexes.

    Returns:
        None if it might; else from when on it may without anybody's writing, as a lease runs out or a time comes.
    """
    moment = rows.microseconds(now)
    parts: list[Jobs] = []
    if not _is_for_none(claim):
        parts = [_orphaned(claim), _overdue(claim, moment)]
        if claim.pending and claim.limit > 0:
            parts += [_not_due(moment), _ready(claim)]
    found = [f"EXISTS (SELECT 1 FROM jobs INDEXED BY {index} WHERE {where})" for index, where, _ in parts]
    expired = "EXISTS (SELECT 1 FROM workers WHERE expires_at <= ?)"
    values = [moment, *(value for *_, values in parts for value in values)]
    (is_found,) = connection.execute(f"SELECT {' OR '.join([expired, *found])}", values).fetchone()
    if is_found:
        return None
    (following,) = connection.execute(_NEXT).fetchone()
    return int(following)


def give_back(connection: sqlite3.Connection, worker: str) -> None:
    """End every lease of a worker and forget it."""
    _give_back_all(connection, rows.text(worker))


def _give_back_all(connection: sqlite3.Connection, worker: Any) -> None:
    connection.execute("UPDATE jobs SET worker = NULL WHERE worker = ?", (worker,))
    connection.execute("DELETE FROM workers WHERE id = ?", (worker,))


def _is_for_none(claim: Claim) -> bool:
    return frozenset() in (claim.only_jobs, claim.only_hosts)


def _make_due(connection: sqlite3.Connection, now: int | None) -> None:
    """Let the ready ones be found by their order alone, however many wait for a time to come."""
    index, where, values = _not_due(now)
    connection.execute(
        "UPDATE jobs SET due_at = NULL WHERE number IN"
        f" (SELECT number FROM jobs INDEXED BY {index} WHERE {where} ORDER BY due_at LIMIT ?)",
        [*values, _DUE_AT_ONCE],
    )


def _select(connection: sqlite3.Connection, jobs: Jobs, order: str, limit: int) -> list[Sequence[Any]]:
    index, where, values = jobs
    return connection.execute(
        f"SELECT {rows.COLUMNS}, number FROM jobs INDEXED BY {index} WHERE {where} ORDER BY {order} LIMIT ?",
        [*values, limit],
    ).fetchall()


def _orphaned(claim: Claim) -> Jobs:
    conditions, values = _wanted(claim, "host")
    if claim.known_hosts is not None:
        conditions += " AND host IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(claim.known_hosts)))
    return _index(claim, "jobs_orphaned"), f"{_ORPHANED}{conditions}", values


def _overdue(claim: Claim, now: int | None) -> Jobs:
    conditions, values = _wanted(claim, "requested_host")
    return _index(claim, "jobs_overdue"), f"{_OVERDUE} AND overdue_at <= ?{conditions}", [now, *values]


def _not_due(now: int | None) -> Jobs:
    return "jobs_not_due", f"{_NOT_DUE} AND due_at <= ?", [now]


def _ready(claim: Claim) -> Jobs:
    conditions, values = _wanted(claim, "requested_host")
    if claim.avoid_hosts:
        conditions += f" AND (requested_host IS NULL OR requested_host NOT IN ({rows.placeholders(claim.avoid_hosts)}))"
        values += [rows.text(host) for host in sorted(claim.avoid_hosts)]
    return _index(claim, "jobs_ready"), f"{_READY}{conditions}", values


def _index(claim: Claim, usual: str) -> str:
    """SQLite, which keeps no statistics here, would often take another index."""
    return usual if claim.only_jobs is None else "jobs_by_id"


def _wanted(claim: Claim, host_column: str) -> tuple[str, list[Any]]:
    conditions = ""
    values: list[Any] = []
    if claim.only_hosts is not None:
        conditions += f" AND {host_column} IN ({rows.placeholders(claim.only_hosts)})"
        values += [rows.text(host) for host in sorted(claim.only_hosts)]
    if claim.only_jobs is not None:
        conditions += f" AND id IN ({rows.placeholders(claim.only_jobs)})"
        values += [job_id.bytes for job_id in sorted(claim.only_jobs)]
    return conditions, values
