"""An idle worker on SQLite: it neither reads nor writes a table until somebody writes, or a time comes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from container_manager_core import ContainerSpec, Job, JobStatus, lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.store.protocol import Claim, Record
from container_manager_core.store.sqlite import SqliteStore

LEASE = 30.0
CLAIM = Claim(worker="w", limit=10)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement on connections that are opened from now on, but those that read no table."""
    seen: list[str] = []
    connect = sqlite3.connect

    def note(statement: str) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN", "COMMIT")):
            seen.append(statement)

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(note)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    return seen


@pytest.fixture
def open_store(tmp_path: Path, clock: VirtualClock, statements: list[str]) -> Iterator[Callable[[], SqliteStore]]:
    """Opens the same file again, as another process does."""
    opened: list[SqliteStore] = []

    def open_one() -> SqliteStore:
        opened.append(SqliteStore(tmp_path / "jobs.sqlite3", clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def store(open_store: Callable[[], SqliteStore]) -> SqliteStore:
    """The store of an idle worker, which has looked and has gone on for a while."""
    store = open_store()
    for _ in range(2):
        store.heartbeat("w", LEASE)
        assert store.claim(CLAIM) == []
    return store


def leases(folder: Path) -> list[str]:
    """The workers whose lease is in the file."""
    with closing(sqlite3.connect(folder / "jobs.sqlite3")) as connection:
        return [name for (name,) in connection.execute("SELECT id FROM workers")]


def job(clock: VirtualClock, **facts: Any) -> Job:
    return Job(
        id=uuid4(),
        spec=ContainerSpec(image="any", queue_timeout_seconds=facts.pop("queue_timeout_seconds", None)),
        created_at=clock.now(),
        queued_at=clock.now(),
        **facts,
    )


def test_the_first_heartbeat_is_written(open_store: Callable[[], SqliteStore], tmp_path: Path) -> None:
    """It shows whether the store can be written, to `doctor` and to a worker that begins."""
    store = open_store()
    store.heartbeat("w", LEASE)
    assert leases(tmp_path) == ["w"]
    store.release("w")
    assert leases(tmp_path) == []
    store.heartbeat("w", LEASE)
    assert leases(tmp_path) == ["w"]


def test_until_one_could_be_written_each_heartbeat_tries(
    open_store: Callable[[], SqliteStore], tmp_path: Path, clock: VirtualClock
) -> None:
    open_store().installation_id()
    store = SqliteStore(tmp_path / "jobs.sqlite3", clock, wait_seconds=0.05)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.heartbeat("w", LEASE)
        other.execute("ROLLBACK")
    store.heartbeat("w", LEASE)
    store.close()
    assert leases(tmp_path) == ["w"]


def test_heartbeats_and_looks_of_an_idle_worker_touch_no_table(
    store: SqliteStore, clock: VirtualClock, statements: list[str]
) -> None:
    statements.clear()
    for _ in range(20):
        clock.advance(LEASE / 3)
        store.heartbeat("w", LEASE)
        assert store.claim(CLAIM) == []
    assert statements == []


def test_another_claim_is_another_look(store: SqliteStore, statements: list[str]) -> None:
    statements.clear()
    assert store.claim(Claim(worker="w", limit=1, pending=False)) == []
    assert statements != []


def test_what_another_process_writes_is_found(
    store: SqliteStore, open_store: Callable[[], SqliteStore], clock: VirtualClock
) -> None:
    added = job(clock)
    open_store().add_many([added])
    assert [each.id for each in store.claim(CLAIM)] == [added.id]


@pytest.mark.parametrize("waits", ["scheduled", "overdue", "leased"])
def test_a_time_that_comes_is_noticed(
    store: SqliteStore, open_store: Callable[[], SqliteStore], clock: VirtualClock, waits: str
) -> None:
    other = open_store()
    if waits == "scheduled":
        other.add_many([job(clock, scheduled_at=clock.now() + timedelta(seconds=60))])
    elif waits == "overdue":
        other.add_many([job(clock, requested_host="full", queue_timeout_seconds=60.0)])
    else:
        other.add_many([job(clock)])
        other.heartbeat("other", 60)
        assert len(other.claim(Claim(worker="other", limit=1))) == 1
    claim = Claim(worker="w", limit=10, avoid_hosts=frozenset({"full"}))
    for seconds, found in ((20, 0), (39, 0), (2, 1)):
        clock.advance(seconds)
        store.heartbeat("w", LEASE)
        assert len(store.claim(claim)) == found


def test_a_lease_is_in_the_file_with_the_first_job_and_as_long_as_one_is_held(
    store: SqliteStore, open_store: Callable[[], SqliteStore], clock: VirtualClock
) -> None:
    other = open_store()
    other.heartbeat("other", 10 * LEASE)
    store.add_many([job(clock)])
    (claimed,) = store.claim(CLAIM)
    for _ in range(6):  # others leave it alone, as its heartbeats are written now
        clock.advance(LEASE / 3)
        store.heartbeat("w", LEASE)
        assert other.claim(Claim(worker="other", limit=1)) == []
    ended = lifecycle.finished(claimed, JobStatus.CANCELLED, clock.now())
    assert store.record_many([Record(job=ended)]) == ["stored"]
    clock.advance(LEASE / 3)
    store.heartbeat("w", LEASE)
    clock.advance(LEASE / 3)
    store.heartbeat("w", LEASE)
    store.add_many([job(clock)])
    assert len(store.claim(CLAIM)) == 1, "the lease that it was told last holds"


def test_a_crashed_worker_s_jobs_go_to_another(
    store: SqliteStore, open_store: Callable[[], SqliteStore], clock: VirtualClock
) -> None:
    store.add_many([job(clock)])
    assert len(store.claim(CLAIM)) == 1
    other = open_store()
    other.heartbeat("other", 10 * LEASE)
    clock.advance(LEASE - 1)
    assert other.claim(Claim(worker="other", limit=1)) == []
    clock.advance(2)
    assert len(other.claim(Claim(worker="other", limit=1))) == 1


def test_a_worker_whose_lease_has_run_out_gets_nothing(store: SqliteStore, clock: VirtualClock) -> None:
    store.add_many([job(clock)])
    clock.advance(LEASE + 1)
    assert store.claim(CLAIM) == []
    store.heartbeat("w", LEASE)
    assert len(store.claim(CLAIM)) == 1


def test_an_idle_worker_leaves_nothing_behind(
    store: SqliteStore, clock: VirtualClock, statements: list[str], tmp_path: Path
) -> None:
    store.add_many([job(clock)])
    (claimed,) = store.claim(CLAIM)
    store.record_many([Record(job=lifecycle.finished(claimed, JobStatus.CANCELLED, clock.now()))])
    for _ in range(2):
        store.heartbeat("w", LEASE)
    statements.clear()
    store.heartbeat("w", LEASE)
    assert statements == []
    assert leases(tmp_path) == []
