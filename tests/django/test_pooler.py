"""PostgreSQL's statements: prepared on connections of the store's own but not through a pooler, and planned well."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from project.settings import database

from container_manager.models import ContainerJob
from container_manager.store import rows
from container_manager.store.places import host_locks
from container_manager.store.store import OrmStore
from container_manager.store.writing import _WORDED
from container_manager_core import ContainerSpec, Host, Job, JobStatus, lifecycle
from container_manager_core.clock import SystemClock, VirtualClock
from container_manager_core.job import Route
from container_manager_core.store.protocol import Claim, JobStore, Record
from container_manager_core.testing import StoreConformance, overrides
from support.pgbouncer import open_pgbouncer
from support.postgres import open_postgres

DIRECT, POOLED = "direct", "pooled"


@pytest.fixture(scope="module", autouse=True)
def server_url(project: str) -> Iterator[str]:
    """One database under two names: straight, and through a pooler in transaction mode; the former's address."""
    with open_postgres() as server, open_pgbouncer(server.port) as pooler:
        for alias, port in ((DIRECT, server.port), (POOLED, pooler)):
            connections.settings[alias] = {
                **connections.settings["default"],
                **database(f"postgresql://postgres@127.0.0.1:{port}/postgres"),
            }
        call_command("migrate", database=DIRECT, verbosity=0)
        _have_processes(4, pooler)
        yield f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        for alias in (DIRECT, POOLED):
            connections[alias].close()
            del connections[alias]
            del connections.settings[alias]


def _have_processes(count: int, pooler: int) -> None:
    """Have the pooler open so many to the server, by as many transactions at once; from then on it goes round them."""
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(psycopg.connect(f"postgresql://postgres@127.0.0.1:{pooler}/postgres"))
            client.execute("SELECT 1")


@pytest.fixture(autouse=True)
def _empty_tables(server_url: str) -> Iterator[None]:
    yield
    with connections[DIRECT].cursor() as cursor:
        names = "containerjob, containerexecution, outputchunk, workerlease, hostlock, budgetaccount, installation"
        tables = ", ".join(f"container_manager_{name}" for name in names.split(", "))
        cursor.execute(f"TRUNCATE {tables} CASCADE")


def opened(alias: str, clock: Any = None) -> Iterator[OrmStore]:
    """A store with connections of its own, as a worker has it."""
    store = OrmStore(alias, clock)
    store.database.pool()
    yield store
    store.close()


class TestBehindPooler(StoreConformance):
    """All that a store promises, with each transaction in another process of the server."""

    @pytest.fixture
    def store(self, clock: VirtualClock) -> Iterator[JobStore]:
        yield from opened(POOLED, clock)

    @pytest.fixture
    def other_store(self, store: JobStore, clock: VirtualClock) -> Iterator[JobStore]:
        yield from opened(POOLED, clock)

    @overrides(reason="nothing tells of changes: there may be one with every second")
    def test_changes_are_noticed(self, store: JobStore, other_store: JobStore, clock: VirtualClock) -> None:
        token, _ = store.changed(None)
        deadline = time.monotonic() + 30
        for _ in range(3):
            while not (found := store.changed(token))[1]:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            token = found[0]


@pytest.fixture
def direct() -> Iterator[OrmStore]:
    yield from opened(DIRECT)


@pytest.fixture
def pooled() -> Iterator[OrmStore]:
    yield from opened(POOLED)


def launching(job: Job, now: Any) -> Job:
    """Decided to run on a host."""
    return lifecycle.launching(job, Host(name="host", executor="mock"), Route(host="host", reason="the only one"), now)


def run(store: OrmStore, statement: str) -> list[Any]:
    """What a statement gives, on a connection of the store's own."""

    def fetch(cursor: Any) -> list[Any]:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []

    return store.database.run(fetch)


def work_off(store: OrmStore, rounds: int, number: int = 1) -> None:
    """Claim so many jobs and record their ends, again and again."""
    store.heartbeat("w", 600)
    now = SystemClock().now()
    spec = ContainerSpec(image="any")
    for _ in range(rounds):
        store.add_many([Job(id=uuid4(), spec=spec, created_at=now, queued_at=now) for _ in range(number)])
        jobs = store.claim(Claim(worker="w", limit=number))
        ended = [Record(job=lifecycle.finished(job, JobStatus.CANCELLED, now)) for job in jobs]
        assert store.record_many(ended) == ["stored"] * number
        assert {store.get(job.id).status for job in jobs} == {JobStatus.CANCELLED}


@pytest.mark.parametrize(("number", "words"), [(1, "::uuid AS given_id"), (3, "json_to_recordset")])
def test_what_comes_with_every_job_is_planned_once(direct: OrmStore, number: int, words: str) -> None:
    """After the server's own five trials."""
    work_off(direct, 8, number)
    prepared = run(direct, "SELECT statement FROM pg_prepared_statements WHERE generic_plans > 0")
    for wanted in ("SKIP LOCKED", words):
        assert len([statement for statement in prepared if wanted in statement]) == 1, wanted


@pytest.mark.parametrize("number", [1, 100])
def test_a_record_finds_its_job_by_the_id_however_small_the_table(direct: OrmStore, number: int) -> None:
    """Reading all of some thousand jobs seems less to PostgreSQL than looking for a hundred, which it expects."""
    now = SystemClock().now()
    spec = ContainerSpec(image="any")
    direct.add_many([Job(id=uuid4(), spec=spec, created_at=now, queued_at=now) for _ in range(2000)])
    lines: list[str] = []

    def explain(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        if statement.startswith("WITH given"):
            with connections[DIRECT].cursor() as cursor:
                cursor.execute(f"EXPLAIN {statement}", params)
                lines.extend(row[0] for row in cursor.fetchall())
        return execute(statement, params, many, context)

    run(direct, f"ANALYZE {rows.JOBS}")
    direct.heartbeat("w", 600)
    claimed = direct.claim(Claim(worker="w", limit=number))
    with direct.database.connected() as connection, connection.execute_wrapper(explain):
        ended = [Record(job=lifecycle.finished(job, JobStatus.CANCELLED, now)) for job in claimed]
        assert direct.record_many(ended) == ["stored"] * number
    plan = "\n".join(lines)
    assert f"{rows.JOBS}_pkey" in plan
    assert f"Seq Scan on {rows.JOBS}" not in plan


def test_a_thread_that_had_no_connection_of_django_has_none_afterwards() -> None:
    """Nobody would close it; and whatever finds one there uses it from then on."""
    store = OrmStore(DIRECT)
    _WORDED.clear()
    left: list[Any] = []

    def work() -> None:
        work_off(store, 2)
        left.extend(connections.all(initialized_only=True))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    store.close()
    assert left == []


def test_any_number_of_jobs_is_claimed_and_placed_by_few_statements(direct: OrmStore) -> None:
    """Only so many can be kept prepared."""
    statements: set[str] = set()

    def note(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        statements.add(statement)
        return execute(statement, params, many, context)

    now = SystemClock().now()
    direct.heartbeat("w", 600)
    with direct.database.connected() as connection, connection.execute_wrapper(note):
        for number in range(1, 17):
            spec = ContainerSpec(image="any")
            direct.add_many([Job(id=uuid4(), spec=spec, created_at=now, queued_at=now) for _ in range(number)])
            claimed = direct.claim(Claim(worker="w", limit=number))
            assert len(claimed) == number
            placed = [Record(job=launching(job, now), capacity=1000) for job in claimed]
            assert direct.record_many(placed) == ["stored"] * number
    claims = [statement for statement in statements if "SKIP LOCKED" in statement]
    assert len(claims) == 5
    assert len([statement for statement in statements if "json_to_recordset" in statement]) == 1


def test_places_are_counted_and_taken_in_one_transaction_that_is_sent_at_once(direct: OrmStore) -> None:
    """A transaction in the usual way needs BEGIN and COMMIT, and counts apart from what it writes."""
    statements: list[str] = []

    def note(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(statement)
        return execute(statement, params, many, context)

    now = SystemClock().now()
    direct.heartbeat("w", 600)
    direct.add_many([Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now) for _ in range(3)])
    first, second, third = direct.claim(Claim(worker="w", limit=3))
    with direct.database.connected() as connection, connection.execute_wrapper(note):
        both = [Record(job=launching(job, now), capacity=2) for job in (first, second)]
        assert direct.record_many(both) == ["stored", "stored"]
        assert len(statements) == 2
        assert direct.record_many([Record(job=launching(third, now), capacity=2)]) == ["no-capacity"]
    assert direct.get(third.id).status is JobStatus.PENDING
    assert run(direct, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [0]


STRICT, STRICT_POOLED, ITS_OWN_THRESHOLD = "strict", "strict pooled", "its own threshold"


@pytest.fixture
def strict() -> Iterator[None]:
    """The same database as in projects whose transactions see it as it was when they began."""
    options = {"options": "-c default_transaction_isolation=repeatable\\ read"}
    level = {"isolation_level": psycopg.IsolationLevel.REPEATABLE_READ}
    added = {
        STRICT: (DIRECT, {**options, **level}),
        STRICT_POOLED: (POOLED, level),
        ITS_OWN_THRESHOLD: (DIRECT, {**options, "prepare_threshold": 0}),
    }
    for alias, (like, its_options) in added.items():
        connections.settings[alias] = {**connections.settings[like], "OPTIONS": its_options}
    yield
    for alias in added:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


@pytest.mark.parametrize("alias", [DIRECT, POOLED, STRICT, STRICT_POOLED, ITS_OWN_THRESHOLD])
@pytest.mark.usefixtures("strict")
def test_a_place_that_another_is_taking_is_waited_for_and_then_counted(alias: str, server_url: str) -> None:
    now = SystemClock().now()
    outcomes: list[str] = []
    store = OrmStore(alias)
    store.database.pool()
    store.heartbeat("w", 600)
    store.add_many([Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now) for _ in "12"])
    other, ours = store.claim(Claim(worker="w", limit=2))
    record = Record(job=launching(ours, now), capacity=1)
    thread = threading.Thread(target=lambda: outcomes.extend(store.record_many([record])))
    with psycopg.connect(server_url) as another:
        another.execute(*host_locks(["host"]))
        launched = "status = 'launching', host_name = 'host'"
        another.execute(f"UPDATE {rows.JOBS} SET {launched} WHERE id = %s", [other.id])
        thread.start()
        deadline = time.monotonic() + 20
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        while not (outcomes or another.execute(waiting).fetchone() == (1,)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    thread.join(20)
    store.close()
    assert outcomes == ["no-capacity"]


def test_a_connection_keeps_only_so_many_plans(direct: OrmStore) -> None:
    for number in range(40):
        for _ in range(7):
            run(direct, f"SELECT {number}")
    assert 20 <= len(run(direct, "SELECT name FROM pg_prepared_statements")) <= 35


def test_nothing_is_prepared_through_a_pooler(pooled: OrmStore) -> None:
    work_off(pooled, 12)
    assert len(set(run(pooled, "SELECT pg_backend_pid()")[0] for _ in range(20))) > 1, "each transaction has another"
    with pooled.database.connected() as connection:
        assert connection.connection.prepare_threshold is None


@pytest.mark.parametrize(("threshold", "prepared"), [(None, 0), (0, 1)])
def test_what_the_project_says_about_it_holds(threshold: int | None, prepared: int) -> None:
    connections.settings["said"] = {**connections.settings[DIRECT], "OPTIONS": {"prepare_threshold": threshold}}
    for store in opened("said"):
        run(store, "SELECT 1")
        assert len(run(store, "SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT 1'")) == prepared
    del connections.settings["said"]


def test_receivers_of_signals_work_with_the_orm_as_it_is_elsewhere(direct: OrmStore) -> None:
    """It shares the connection, and its statements may need their values in them."""
    with direct.database.connected() as connection:
        for _ in range(12):
            ContainerJob.objects.using(DIRECT).filter(name="any").first()
        assert not connection.features.uses_server_side_binding
    assert not [each for each in run(direct, "SELECT statement FROM pg_prepared_statements") if "any" in each]


def test_a_migration_meanwhile_is_not_noticed(direct: OrmStore) -> None:
    work_off(direct, 12)
    with connections[DIRECT].cursor() as cursor:
        for length in (250, 200):
            cursor.execute(f"ALTER TABLE container_manager_containerjob ALTER COLUMN name TYPE varchar({length})")
            work_off(direct, 12)
