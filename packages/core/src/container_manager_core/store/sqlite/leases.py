"""Leases of this process's workers: in the file while they hold jobs, and only noted here while they hold none.

Nobody needs to know of a worker that holds nothing, so it does not write, and wakes no other with its heartbeats. Its
first one is written all the same: a store that cannot be written is to be noticed when a worker comes, not with a job.
"""

import sqlite3
from datetime import datetime, timedelta

from container_manager_core.clock import Clock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.store.sqlite import rows
from container_manager_core.store.sqlite.database import Database

_RENEW = "INSERT INTO workers (id, expires_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at"


class Leases:
    """The heartbeats that came through one store.

    Args:
        database: where leases are.
        clock: judges them.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._holding: set[str] = set()

    def renew(self, worker: str, seconds: float) -> None:
        """Let a worker's lease hold for so long from now. Raises `StoreUnavailable` where it has to be written."""
        is_first = worker not in self._until
        # Noted before it is asked whether the worker holds jobs: `put_down` does both the other way round, so that
        # of two that come at once either that finds this time, or this one writes it.
        self._until[worker] = self._clock.now() + timedelta(seconds=seconds)
        if is_first:
            self._holding.add(worker)
            try:
                self._database.write(lambda connection: self._write(connection, worker))
            except StoreUnavailable:
                self.forget(worker)  # so that the next one is the first again
                raise
        elif worker in self._holding:
            self._database.write(lambda connection: self._renew(connection, worker))

    def put_down(self, connection: sqlite3.Connection, worker: str, now: datetime) -> bool:
        """Have a worker's lease in the file before it takes jobs, in the same transaction; whether it has one."""
        is_there = self._holds(worker) and _is_there(connection, worker)
        until = None if is_there else self._until.get(worker)
        if until is not None and until > now:
            self._write(connection, worker)
            return True
        return is_there or _is_there(connection, worker)

    def forget(self, worker: str) -> None:
        """It works no more."""
        self._until.pop(worker, None)
        self._holding.discard(worker)

    def _holds(self, worker: str) -> bool:
        """Whether its heartbeats were written already; from now on they are."""
        held = worker in self._holding
        self._holding.add(worker)
        return held

    def _write(self, connection: sqlite3.Connection, worker: str) -> None:
        connection.execute(_RENEW, (rows.text(worker), rows.microseconds(self._until.get(worker))))

    def _renew(self, connection: sqlite3.Connection, worker: str) -> None:
        name = rows.text(worker)
        if connection.execute("SELECT 1 FROM jobs WHERE worker = ? LIMIT 1", (name,)).fetchone():
            self._write(connection, worker)
        else:
            connection.execute("DELETE FROM workers WHERE id = ?", (name,))
            self._holding.discard(worker)


def _is_there(connection: sqlite3.Connection, worker: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM workers WHERE id = ?", (rows.text(worker),)).fetchone())
