"""Taking jobs under a lease."""

from collections.abc import Sequence
from typing import Any

from container_manager.store.rows import COLUMNS, JOBS, LEASES, READ
from container_manager.store.sql import places, values
from container_manager_core.store.protocol import Claim

_FREE = "worker IS NULL"
_PENDING = f"status = 'pending' AND {_FREE} AND NOT attention"
IN_TURN = "ORDER BY priority DESC, created_at, id"
"""The order in which pending jobs are taken."""

_DUE_AT_ONCE = 10_000
_EPOCH = READ.index("epoch")
_WORKER = READ.index("worker")


class Claims:
    """Takes jobs for workers, each in the transaction of its cursor.

    Args:
        connection: of the cursor.
        cursor: runs the statements.
        now: the time, as an SQL expression in microseconds.
    """

    def __init__(self, connection: Any, cursor: Any, now: str) -> None:
        self._connection = connection
        self._cursor = cursor
        self._now = now
        features = connection.features
        self._locks = " FOR UPDATE" if features.has_select_for_update else ""
        self._skips = f"{self._locks} SKIP LOCKED" if features.has_select_for_update_skip_locked else self._locks

    def take(self, claim: Claim) -> Sequence[Sequence[Any]]:
        """The rows of a claim's jobs, now held by its worker; leases that have run out are given back first."""
        self._expire()
        if not self._lives(claim.worker) or frozenset() in (claim.only_jobs, claim.only_hosts):
            return []
        taken = self._orphans(claim) + self._overdue(claim)
        if claim.pending and claim.limit > 0:
            self._make_due()
            known = {row[0] for row in taken}
            taken += [row for row in self._ready(claim) if row[0] not in known]
        if taken:
            ids = [row[0] for row in taken]
            self._execute(
                f"UPDATE {JOBS} SET worker = %s, epoch = epoch + 1 WHERE id IN ({places(len(ids))})",
                [claim.worker, *ids],
            )
        return [[*row[:_WORKER], claim.worker, row[_EPOCH] + 1, *row[_EPOCH + 1 :]] for row in taken]

    def give_back(self, worker: str) -> None:
        """End every lease of a worker and forget it."""
        self._execute(f"DELETE FROM {LEASES} WHERE id = %s", [worker])
        self._execute(f"UPDATE {JOBS} SET worker = NULL WHERE worker = %s", [worker])

    def _expire(self) -> None:
        for (worker,) in self._fetch(f"SELECT id FROM {LEASES} WHERE expires_at <= {self._now}", []):
            # It may have come to life again meanwhile, or have been expired by somebody else.
            if self._execute(f"DELETE FROM {LEASES} WHERE id = %s AND expires_at <= {self._now}", [worker]):
                self._execute(f"UPDATE {JOBS} SET worker = NULL WHERE worker = %s", [worker])

    def _lives(self, worker: str) -> bool:
        """Whether the worker has a lease; it cannot be expired by others before this transaction has ended."""
        return bool(self._fetch(f"SELECT id FROM {LEASES} WHERE id = %s{self._locks}", [worker]))

    def _make_due(self) -> None:
        """Let the ready ones be found by their order alone, however many wait for a time to come."""
        found = self._fetch(
            f"SELECT id FROM {JOBS} WHERE {not_due(self._now)} ORDER BY due_at LIMIT {_DUE_AT_ONCE}{self._skips}",
            [],
        )
        for start in range(0, len(found), 500):
            some = [row[0] for row in found[start : start + 500]]
            self._execute(f"UPDATE {JOBS} SET due_at = NULL WHERE id IN ({places(len(some))})", some)

    def _orphans(self, claim: Claim) -> list[Sequence[Any]]:
        where, given = orphaned(claim)
        return self._select(f"{where} ORDER BY created_at, id", given)

    def _overdue(self, claim: Claim) -> list[Sequence[Any]]:
        where, given = overdue(claim, self._now)
        return self._select(f"{where} ORDER BY overdue_at, id LIMIT {_DUE_AT_ONCE}", given)

    def _ready(self, claim: Claim) -> list[Sequence[Any]]:
        where, given = ready(claim)
        return self._select(f"{where} {IN_TURN} LIMIT %s", [*given, claim.limit])

    def _select(self, where: str, given: Sequence[Any]) -> list[Sequence[Any]]:
        return self._fetch(f"SELECT {COLUMNS} FROM {JOBS} WHERE {where}{self._skips}", given)

    def _fetch(self, statement: str, given: Sequence[Any]) -> list[Sequence[Any]]:
        self._cursor.execute(statement, values(self._connection, given))
        return list(self._cursor.fetchall())

    def _execute(self, statement: str, given: Sequence[Any]) -> int:
        self._cursor.execute(statement, values(self._connection, given))
        return int(self._cursor.rowcount)


def orphaned(claim: Claim) -> tuple[str, list[Any]]:
    """Which jobs need attention and are in nobody's hands: a condition and its values."""
    conditions, given = _wanted(claim, "host_name")
    if claim.known_hosts is not None:
        conditions += f" AND host_name IN ({places(len(claim.known_hosts))})" if claim.known_hosts else " AND 1 = 0"
        given += sorted(claim.known_hosts)
    return f"attention AND {_FREE}{conditions}", given


def overdue(claim: Claim, now: str) -> tuple[str, list[Any]]:
    """Which pending jobs have waited for too long."""
    conditions, given = _wanted(claim, "docker_host_id")
    return f"{_PENDING} AND overdue_at IS NOT NULL AND overdue_at <= {now}{conditions}", given


def not_due(now: str) -> str:
    """Which pending jobs have waited for a time that has come."""
    return f"{_PENDING} AND due_at IS NOT NULL AND due_at <= {now}"


def ready(claim: Claim) -> tuple[str, list[Any]]:
    """Which pending jobs wait for nothing but a worker."""
    conditions, given = _wanted(claim, "docker_host_id")
    if claim.avoid_hosts:
        avoided = places(len(claim.avoid_hosts))
        conditions += f" AND (docker_host_id IS NULL OR docker_host_id NOT IN ({avoided}))"
        given += sorted(claim.avoid_hosts)
    return f"{_PENDING} AND due_at IS NULL{conditions}", given


def _wanted(claim: Claim, host_column: str) -> tuple[str, list[Any]]:
    conditions = ""
    given: list[Any] = []
    if claim.only_hosts is not None:
        conditions += f" AND {host_column} IN ({places(len(claim.only_hosts))})"
        given += sorted(claim.only_hosts)
    if claim.only_jobs is not None:
        conditions += f" AND id IN ({places(len(claim.only_jobs))})"
        given += sorted(claim.only_jobs)
    return conditions, given
