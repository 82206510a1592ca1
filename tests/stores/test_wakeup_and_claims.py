"""What an idle worker of a SQLite file costs others, how it hears, and what is durable."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from container_manager_core import ContainerSpec, Job
from container_manager_core.clock import SystemClock
from container_manager_core.store.protocol import Claim
from container_manager_core.store.sqlite.database import Database
from container_manager_core.store.sqlite.store import SqliteStore

CLOCK = SystemClock()


def _job() -> Job:
    now = CLOCK.now()
    return Job(id=uuid4(), spec=ContainerSpec(image="any", command=("true",)), created_at=now, queued_at=now)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "jobs.sqlite3", CLOCK, wait_seconds=0.2)
    store.heartbeat("w", 60)
    return store


def test_a_claim_that_finds_nothing_needs_no_place_among_the_writers(store: SqliteStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "jobs.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert store.claim(Claim(worker="w", limit=10)) == []
    finally:
        other.close()
        store.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, job: store.add_many([_job()]),
        lambda store, job: store.request_cancel([job.id], CLOCK.now()),
        lambda store, job: store.request_move([job.id], "elsewhere"),
        lambda store, job: store.watch(job.id, CLOCK.now()),
    ],
    ids=["add", "cancel", "move", "watch"],
)
def test_what_is_asked_in_this_process_is_told_at_once(
    store: SqliteStore, ask: Callable[[SqliteStore, Job], None]
) -> None:
    job = _job()
    store.add_many([job])
    told: list[None] = []
    end = store.on_change(lambda: told.append(None))
    ask(store, job)
    assert told
    end()
    before = len(told)
    ask(store, job)
    assert len(told) == before
    store.close()


def test_a_write_is_durable_unless_it_says_otherwise(tmp_path: Path) -> None:
    """SQLite's levels: 2 waits for the disk with every commit, 1 leaves that to the next that does."""
    database = Database(tmp_path / "any.sqlite3", "any")

    def level(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    assert [database.write(level, durable=durable) for durable in (True, False, True)] == [2, 1, 2]
    database.close()
