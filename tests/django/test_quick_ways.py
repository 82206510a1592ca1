"""The short ways of the store, beside the careful ones: what they must not lose."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from container_manager.conversion.hosts import configured_hosts, host_of
from container_manager.hooks import StartupTimes
from container_manager.models import ContainerExecution, ContainerJob, ExecutorHost
from container_manager.store.output import Output
from container_manager.store.store import OrmStore
from container_manager_core import ContainerSpec, Host, InvalidInput, Job, lifecycle
from container_manager_core.clock import SystemClock
from container_manager_core.executor import Stream, Usage
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Route
from container_manager_core.store.protocol import Claim, Record, StoredLog

CLOCK = SystemClock()
LATER = datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
ASK_FOR_DURABILITY = {
    "postgresql": "SHOW synchronous_commit",
    "sqlite": "PRAGMA synchronous",
    "mysql": "SELECT @@innodb_flush_log_at_trx_commit",
}


def _job(now: datetime | None = None) -> Job:
    now = now or CLOCK.now()
    command = ("a b", "\t%s\\", "\\N", "\n\\.\n", "\b\f\r\v\\t", "")
    spec = ContainerSpec(image="any", command=command, labels={"team": "Ä"}, environment={"A": "%\n\\n\t"})
    return Job(id=uuid4(), spec=spec, name="100 %", created_at=now, queued_at=now)


@pytest.fixture
def store() -> Iterator[OrmStore]:
    store = OrmStore()
    yield store
    store.close()


def test_a_job_added_alone_is_the_job_added_among_others(store: OrmStore) -> None:
    alone, *others = [_job() for _ in range(3)]
    store.add_many([alone])
    store.add_many(others)
    for job in (alone, *others):
        assert store.get(job.id) == job
    columns = ("docker_host", "status", "image", "command", "memory_limit", "priority", "environment_template")
    assert len(set(ContainerJob.objects.values_list(*columns))) == 1


def test_a_record_written_alone_is_the_record_written_among_others(store: OrmStore) -> None:
    now = CLOCK.now()
    store.add_many([_job(now) for _ in range(3)])
    store.heartbeat("w", 600)
    first, *others = (_retried(job) for job in store.claim(Claim(worker="w", limit=3)))
    assert store.record_many([Record(job=first)]) == ["stored"]
    assert store.record_many([Record(job=job) for job in others]) == ["stored", "stored"]
    for model in (ContainerJob, ContainerExecution):
        names = [each.attname for each in model._meta.concrete_fields if each.name not in ("id", "job")]
        rows = list(model.objects.values(*names))
        assert len(rows) == 3
        assert rows == rows[:1] * 3
    for job in (first, *others):
        assert store.get(job.id) == job


def _retried(job: Job) -> Job:
    """After a first attempt of which everything is known."""
    host = Host(name="hóst", executor="docker")
    route = Route(host=host.name, reason="'%s' \\ is the only one", decided_at=LATER)
    running = lifecycle.running(lifecycle.launching(job, host, route, LATER), "f" * 300, LATER, {"ports": [{"a": "'"}]})
    failure = Failure(kind=FailureKind.EXIT, message="it's gone\n", hint='"look"')
    usage = Usage(cpu_seconds=1e-7, peak_memory_bytes=1 << 40)
    ended = {"exit_code": 3_221_225_477, "started_at": LATER, "finished_at": LATER, "cleaned": True}
    return lifecycle.retried(running, failure, LATER, usage=usage, cost=Decimal("0.000001"), **ended)


@pytest.mark.parametrize("number", [1, 2])
def test_no_record_is_cut_to_fit_its_column(store: OrmStore, number: int) -> None:
    """A database may refuse it."""
    store.add_many([_job() for _ in range(number)])
    store.heartbeat("w", 600)
    host = Host(name="h" * 300, executor="docker")
    route = Route(host=host.name, reason="the only one", decided_at=LATER)
    claimed = store.claim(Claim(worker="w", limit=number))
    with suppress(DatabaseError):
        store.record_many([Record(job=lifecycle.launching(job, host, route, LATER)) for job in claimed])
    assert set(ContainerJob.objects.values_list("host_name", flat=True)) <= {host.name, None}


@pytest.mark.parametrize("number", [1, 2])
def test_a_taken_id_spoils_nothing_of_the_caller_s_transaction(store: OrmStore, number: int) -> None:
    job = _job()
    store.add_many([job])
    with transaction.atomic():
        with pytest.raises(InvalidInput, match="an id is taken"):
            store.add_many([job, _job()][:number])
        store.add_many([kept := _job()])
    assert store.get(kept.id).id == kept.id


def test_a_claim_inside_a_transaction_is_rolled_back_with_it(store: OrmStore) -> None:
    job = _job()
    store.add_many([job])
    store.heartbeat("w", 60)
    with transaction.atomic():
        assert [taken.id for taken in store.claim(Claim(worker="w", limit=1))] == [job.id]
        transaction.set_rollback(True)
    assert store.get(job.id).worker is None
    (taken,) = store.claim(Claim(worker="w", limit=1))
    assert (taken.worker, taken.epoch) == ("w", job.epoch + 1)


def test_output_belongs_to_the_transaction_of_its_record(store: OrmStore) -> None:
    job = _job()
    store.add_many([job])
    piece = StoredLog(stream=Stream.STDOUT, offset=0, data=bytes(range(256)) * 2048)
    for kept in (False, True):
        with transaction.atomic(), connection.cursor() as cursor:
            Output(connection, cursor).append(job, piece)
            transaction.set_rollback(not kept)
        assert store.read_logs(job.id, Stream.STDOUT).data == (piece.data if kept else b"")


def test_long_output_is_compressed_by_the_quicker_method() -> None:
    """PostgreSQL's own default takes several times as long over it."""
    if connection.vendor == "postgresql":
        job = _job()
        lines = b"".join(b"line %d of many\n" % number for number in range(10_000))
        with connection.cursor() as cursor:
            Output(connection, cursor).append(job, StoredLog(stream=Stream.STDOUT, offset=0, data=lines))
            cursor.execute("SELECT pg_column_compression(data) FROM container_manager_outputchunk")
            assert cursor.fetchall() == [("lz4",)]


@pytest.mark.parametrize("inside", [False, True])
def test_only_the_claim_itself_does_not_wait_for_the_disk(store: OrmStore, inside: bool) -> None:
    """Nothing else of the session, nor of the caller's transaction, becomes less durable than the project wants."""
    store.heartbeat("w", 60)
    store.add_many([_job()])
    wanted = _durability()
    with transaction.atomic() if inside else nullcontext():
        assert len(store.claim(Claim(worker="w", limit=1))) == 1
        assert _durability() == wanted


def _durability() -> str:
    with connection.cursor() as cursor:
        cursor.execute(ASK_FOR_DURABILITY[connection.vendor])
        return str(cursor.fetchone()[0])


def test_a_waiting_worker_hears_of_an_added_job(store: OrmStore) -> None:
    """PostgreSQL calls; so does Linux for SQLite's file; on MariaDB every second may have brought one."""
    told = threading.Event()
    end = store.on_change(told.set)
    token, _ = store.changed(None)
    if connection.vendor == "postgresql":
        assert told.wait(20)  # the listener has begun
        told.clear()
        store.add_many([_job()])
        assert told.wait(20)
    else:
        store.add_many([_job()])
        deadline = time.monotonic() + 20
        while not store.changed(token)[1]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if connection.vendor == "sqlite" and sys.platform == "linux":
            assert told.wait(20)
    end()


def test_times_of_starts_weigh_alike_whether_they_are_stored_together_or_one_by_one() -> None:
    took = [timedelta(seconds=seconds) for seconds in (10, 20, 1)]
    for name in ("together", "single"):
        ExecutorHost.objects.create(name=name, executor_type="mock")
    ExecutorHost.note_startups("together", took)
    for each in took:
        ExecutorHost.note_startups("single", [each])
    together, single = ExecutorHost.objects.order_by("-name").values_list("average_startup_time", flat=True)
    assert together == pytest.approx(single)
    assert together == pytest.approx(((10 * 0.9 + 20 * 0.1) * 0.9) + 1 * 0.1)


def test_times_of_starts_are_stored_at_once_and_then_gathered() -> None:
    one, two, three = (timedelta(seconds=seconds) for seconds in (1, 2, 3))
    slow, quick = StartupTimes(pause_seconds=3600), StartupTimes(pause_seconds=0)
    assert [list(slow._gather("a", each)) for each in (one, two)] == [[one], []]
    assert list(slow._gather("b", three)) == [three]
    assert [list(quick._gather("a", each)) for each in (one, two)] == [[one], [two]]


def test_hosts_are_read_with_one_statement_and_are_those_of_whole_rows() -> None:
    ExecutorHost.objects.create(
        name="engine",
        executor_type="docker",
        connection_string="tcp://10.0.0.1:2376",
        tls_enabled=True,
        tls_verify=False,
        auto_pull_images=False,
        executor_config={"runtime": "runc"},
        labels={"zone": "a"},
        weight=7,
        max_concurrent_jobs=3,
        cost_per_hour=Decimal("1.25"),
        cost_per_job=Decimal("0.01"),
        is_active=False,
    )
    ExecutorHost.objects.create(name="plain", executor_type="mock")
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            found = configured_hosts()
        assert len(queries) == 1
        assert found == {row.name: host_of(row) for row in ExecutorHost.objects.all()}
    assert found["engine"].cost_per_hour == Decimal("1.25")
    assert found["engine"].config["base_url"] == "https://10.0.0.1:2376"
