"""What databases do in different ways, and the models and the store do not."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, OperationalError, connection

from container_manager.models import (
    BudgetAccount,
    ContainerExecution,
    ContainerJob,
    ContainerTemplate,
    EnvironmentVariable,
    ExecutorHost,
    WorkerLease,
)
from container_manager.store.claims import IN_TURN, ready
from container_manager.store.rows import JOBS
from container_manager.store.store import OrmStore
from container_manager.store.troubles import is_busy, is_passing, remedy_of
from container_manager_core import ContainerSpec, Host, Job, JobStatus, lifecycle
from container_manager_core.clock import SystemClock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Route
from container_manager_core.store.protocol import Claim, JobQuery, Record

ALIKE = ("host", "HOST", "hóst", "host ")
"""Names that a database which compares loosely takes for one."""


@pytest.fixture
def store() -> Iterator[OrmStore]:
    opened = OrmStore()
    yield opened
    opened.close()


def test_checks_find_nothing_wrong_with_the_models_on_any_database(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check", "--database", "default", "--fail-level", "INFO")
    assert "no issues" in capsys.readouterr().out


def test_migrate_refuses_a_database_that_lacks_characters_and_says_what_to_run() -> None:
    """Only MariaDB and MySQL have such ones."""
    if connection.vendor == "mysql":
        _run("ALTER DATABASE jobs CHARACTER SET latin1")
        with pytest.raises(SystemCheckError) as refused:
            call_command("migrate", skip_checks=False)
        assert "(container_manager.E010) The database 'jobs' has the character set 'latin1'" in str(refused.value)
        (remedy,) = re.findall(r"run in it: (.*)\.$", str(refused.value), re.MULTILINE)
        _run(remedy)
    call_command("migrate", verbosity=0, skip_checks=False)


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_tables_are_as_the_models_say_on_any_database(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("makemigrations", "--check", "--dry-run")
    assert "No changes detected" in capsys.readouterr().out


def test_names_that_differ_in_case_accents_or_spaces_are_different(store: OrmStore) -> None:
    template = ContainerTemplate.objects.create(name="any", docker_image="any")
    for name in ALIKE:
        ExecutorHost.objects.create(name=name)
        WorkerLease.objects.create(id=name, expires_at=0)
        BudgetAccount.objects.create(account=name)
        EnvironmentVariable.objects.create(template=template, key=name)
        ContainerJob.objects.create(image="any", name=name, docker_host_id=name)
        ContainerJob.objects.filter(name=name).update(host_name=name, submitter=name, status="running")
    assert store.live_by_host() == dict.fromkeys(ALIKE, 1)
    assert {host: jobs for (_, host), jobs in store.count().items()} == dict.fromkeys(ALIKE, 1)
    assert store.balances(ALIKE) == dict.fromkeys(ALIKE, Decimal(0))
    for name in ALIKE:
        for field in ("name", "host", "user"):
            assert [job.name for job in store.list(JobQuery(**{field: name}))] == [name]


def test_an_attempt_has_a_row_of_its_own_whatever_becomes_of_its_job(store: OrmStore) -> None:
    now = SystemClock().now()
    hosts = (Host(name="a", executor="mock"), Host(name="b", executor="docker"))
    store.add_many([Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now)])
    store.heartbeat("w", 600)
    (job,) = store.claim(Claim(worker="w", limit=1))
    failure = Failure(kind=FailureKind.PLATFORM, message="gone", hint="look")
    for number, host in enumerate(hosts):
        route = Route(host=host.name, reason="any", decided_at=now)
        job = lifecycle.running(lifecycle.launching(job, host, route, now), "f" * (300 + number), now, {})
        if number == 0:
            job = lifecycle.retried(job, failure, now, exit_code=7, finished_at=now, cost=Decimal("0.5"), cleaned=True)
        else:
            job = lifecycle.finished(job, JobStatus.COMPLETED, now, exit_code=0, finished_at=now, cleaned=True)
        assert store.record_many([Record(job=job)]) == ["stored"]
    names = ("attempt", "executor_type", "host_id", "status", "exit_code", "failure_kind", "failure_hint", "amount")
    assert list(ContainerExecution.objects.order_by("attempt").values_list(*names)) == [
        (1, "mock", "a", "failed", 7, failure.kind.value, "look", 500_000),
        (2, "docker", "b", "completed", 0, "", "", 0),
    ]
    for row in ContainerExecution.objects.all():
        assert (len(row.container_id), row.started_at, row.finished_at) == (299 + row.attempt, now, now)


def test_a_search_takes_no_notice_of_case() -> None:
    ContainerJob.objects.create(image="any", name="Nightly Report")
    for condition in ({"icontains": "REPORT"}, {"iexact": "nightly report"}, {"istartswith": "NIGHT"}):
        [(lookup, words)] = condition.items()
        assert ContainerJob.objects.filter(**{f"name__{lookup}": words}).count() == 1
    assert not ContainerJob.objects.filter(name="nightly report").exists()


def test_text_keeps_characters_of_every_plane() -> None:
    said = "naïve 漢字 🐳"
    job = ContainerJob.objects.create(image="any", name=said, command=f"echo '{said}'")
    job.refresh_from_db()
    assert (job.name, job.as_value().spec.command) == (said, ("echo", said))


def test_a_claim_reads_jobs_in_the_order_of_an_index_however_many_have_ended(store: OrmStore) -> None:
    """A sort would read, and on some databases lock, all that wait."""
    ContainerJob.objects.submit_many(300, image="any", priority=60)
    ContainerJob.objects.update(status="completed")
    ContainerJob.objects.submit_many(100, image="any")
    where, given = ready(Claim(worker="any", limit=5))
    told = _plan(f"SELECT id, spec FROM {JOBS} WHERE {where} {IN_TURN} LIMIT 5", given)
    assert "cm_job_ready" in told
    assert not any(word in told for word in ("filesort", "TEMP B-TREE", "Sort ", "'index'")), (
        "neither sorted nor all read"
    )


def test_what_others_ask_is_found_among_what_was_asked(store: OrmStore) -> None:
    """However many jobs the worker holds, and held: PostgreSQL keeps those for a while."""
    ids = ContainerJob.objects.submit_many(300, image="any")
    store.heartbeat("w", 600)
    store.claim(Claim(worker="w", limit=200))
    store.request_cancel(ids[:1], SystemClock().now())
    asked: list[tuple[str, Any]] = []

    def listen(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((statement, params))
        return execute(statement, params, many, context)

    with store.database.connected() as own, own.execute_wrapper(listen):
        assert store.signals("w").cancel == {ids[0]}
    [(statement, params)] = asked
    assert "cm_job_marked" in _plan(statement, params)


def _plan(statement: str, params: Any) -> str:
    """How the database goes about it, knowing what is there."""
    plan = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {JOBS}" if connection.vendor == "mysql" else "ANALYZE")
        cursor.execute(f"{plan} {statement}", params)
        return str(cursor.fetchall())


def test_many_submitted_at_once_are_found_by_the_beginning_of_their_ids(store: OrmStore) -> None:
    ids = ContainerJob.objects.submit_many(50, image="any")
    for job_id in ids:
        assert list(store.find(str(job_id)[:13])) == [job_id]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OperationalError(2006, "Server has gone away"), "look whether the database runs"),
        (OperationalError(1153, "Got a packet bigger than 'max_allowed_packet' bytes"), "raise max_allowed_packet"),
        (OperationalError(1366, "Incorrect string value: '\\xF0'"), "character set utf8mb4"),
        (OperationalError(1054, "Unknown column 'x' in 'field list'"), "run 'manage.py migrate'"),
    ],
)
def test_an_error_of_the_database_itself_tells_the_remedy(error: DatabaseError, remedy: str) -> None:
    assert is_passing(error)
    assert not is_busy(error)
    assert remedy in remedy_of(error)


@pytest.mark.parametrize(
    "said",
    [
        "database is locked",
        "deadlock detected",
        "Deadlock found when trying to get lock; try restarting transaction",
        "Lock wait timeout exceeded; try restarting transaction",
        "Record has changed since last read in table 'x'",
    ],
)
def test_what_was_in_another_writer_s_way_is_done_again(store: OrmStore, said: str) -> None:
    calls = []

    def work(cursor: Any) -> str:
        calls.append(cursor)
        if len(calls) == 1:
            raise OperationalError(said)
        return "done"

    # A thread without a connection of Django's own borrows one.
    connection.close()
    assert store.database.write(work) == "done"
    assert len(calls) == 2


def test_a_lost_connection_is_one_error_and_then_a_new_connection(store: OrmStore) -> None:
    store.database.pool()
    store.heartbeat("a worker", 60)
    if connection.vendor == "sqlite":
        lost = "no such table"
        ask = "SELECT 1 FROM a_table_that_is_not_there"
    else:
        lost = "gone away|closed|terminat|Lost connection|killed"
        ask = "SELECT 1"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
                if connection.vendor == "postgresql"
                else "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
            )
            for (number,) in cursor.fetchall() if connection.vendor == "mysql" else ():
                cursor.execute(f"KILL {number}")
    with pytest.raises(StoreUnavailable, match=lost):
        store.database.run(lambda cursor: cursor.execute(ask))
    store.heartbeat("a worker", 60)
