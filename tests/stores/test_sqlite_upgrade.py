"""A file of an earlier version goes on with the present one."""

import sqlite3
from decimal import Decimal
from pathlib import Path

from container_manager_core.clock import VirtualClock
from container_manager_core.store.protocol import Charge, Record
from container_manager_core.store.sqlite import SqliteStore, rows
from container_manager_core.store.sqlite.schema import MIGRATIONS
from container_manager_core.testing.store_kit import StoreKit

KIT = StoreKit()


def test_a_file_of_the_first_version_keeps_its_jobs_and_learns_of_money(tmp_path: Path) -> None:
    clock, path = VirtualClock(), tmp_path / "jobs.sqlite3"
    old = KIT.job(clock, name="old")
    with sqlite3.connect(path) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.executemany(rows.insert(), rows.added([old]))
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = SqliteStore(path, clock)
    (job,) = KIT.take(store)
    assert (job.id, job.name, job.spec) == (old.id, "old", old.spec)
    charge = Charge(account="a", amount=Decimal(1), cap=Decimal(1))
    assert list(store.record_many([Record(job=KIT.launching(job, clock.now()), charges=(charge,))])) == ["stored"]
    assert store.balances(["a"]) == {"a": Decimal(1)}
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
