"""What is told of records, and how often."""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import attrs
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from project.settings import database

from container_manager.store.notices import NOTICE_SECONDS, Notices
from container_manager.store.store import OrmStore
from container_manager.store.wakeup import CHANNEL
from container_manager_core import ContainerSpec, Job, JobStatus, StoreUnavailable, lifecycle
from container_manager_core.clock import SystemClock
from container_manager_core.store.protocol import Claim, Record
from support.postgres import open_postgres

ALIAS = "noticed"


def job() -> Job:
    now = SystemClock().now()
    return Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now)


def ended(pending: Job) -> Record:
    return Record(job=lifecycle.finished(pending, JobStatus.CANCELLED, SystemClock().now()), release=True)


class Seconds:
    """A clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@attrs.define
class Rate:
    """Notices with a clock of their own, in a process that looks for changes or not."""

    clock: Seconds = attrs.field(factory=Seconds)
    looks: bool = True
    notices: Notices = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.notices = Notices(lambda: self.looks, self.clock)


def test_the_first_free_place_is_told_at_once_and_the_next_ones_together() -> None:
    rate = Rate()
    assert rate.notices.take([ended(job())])
    rate.clock.now += NOTICE_SECONDS / 2
    assert not rate.notices.take([ended(job())])
    assert not rate.notices.take([ended(job())])
    rate.clock.now += NOTICE_SECONDS / 2
    assert rate.notices.take([Record(job=job_running())]), "with whatever is recorded next"
    assert not rate.notices.take([Record(job=job_running())])


def job_running() -> Job:
    return attrs.evolve(job(), status=JobStatus.RUNNING)


def test_what_nobody_else_waits_for_is_not_told() -> None:
    rate = Rate()
    assert not rate.notices.take([Record(job=job_running())])
    assert not rate.notices.take()
    assert rate.notices.glance_seconds == float("inf")


def test_what_was_put_off_is_told_soon_by_who_looks() -> None:
    rate = Rate()
    rate.notices.take([ended(job())])
    assert not rate.notices.take([ended(job())])
    assert rate.notices.glance_seconds <= NOTICE_SECONDS
    rate.clock.now += NOTICE_SECONDS
    assert not rate.notices.take(), "a record may carry it"
    rate.clock.now += NOTICE_SECONDS
    assert rate.notices.take()
    assert not rate.notices.take()


def test_a_job_that_waits_again_is_told_at_once() -> None:
    rate = Rate()
    assert rate.notices.take([ended(job())])
    assert rate.notices.take([Record(job=job())])
    assert rate.notices.take([Record(job=job())])


def test_where_nobody_looks_nothing_is_put_off() -> None:
    rate = Rate(looks=False)
    assert rate.notices.take([ended(job())])
    assert rate.notices.take([ended(job())])


def test_what_could_not_be_told_is_still_owed() -> None:
    rate = Rate()
    assert rate.notices.take([ended(job())])
    rate.notices.owe()
    assert not rate.notices.take([Record(job=job_running())])
    rate.clock.now += NOTICE_SECONDS
    assert rate.notices.take([Record(job=job_running())])


@pytest.fixture(scope="module", autouse=True)
def server(project: str) -> Iterator[str]:
    """A PostgreSQL of our own under an alias of its own; its address."""
    with open_postgres() as opened:
        url = f"postgresql://postgres@127.0.0.1:{opened.port}/postgres"
        connections.settings[ALIAS] = {**connections.settings["default"], **database(url)}
        call_command("migrate", database=ALIAS, verbosity=0)
        yield url
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.settings[ALIAS]


@pytest.fixture
def store() -> Iterator[OrmStore]:
    store = OrmStore(ALIAS)
    store.database.pool()
    yield store
    store.close()


@pytest.fixture
def listener(server: str) -> Iterator[psycopg.Connection[Any]]:
    """Another process."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        yield connection


def heard(listener: psycopg.Connection[Any], seconds: float = 0.3) -> int:
    """How many notices come within so many seconds."""
    return len(list(listener.notifies(timeout=seconds)))


def claimed(store: OrmStore, number: int) -> Sequence[Job]:
    store.heartbeat("w", 600)
    store.add_many([job() for _ in range(number)])
    return store.claim(Claim(worker="w", limit=number))


def test_thirty_places_that_a_worker_frees_are_told_a_few_times(
    store: OrmStore, listener: psycopg.Connection[Any]
) -> None:
    jobs = claimed(store, 31)
    unfollow = store.on_change(lambda: None)
    heard(listener)
    began = time.monotonic()
    for each in jobs[:30]:
        assert store.record_many([ended(each)]) == ["stored"]
    most = (time.monotonic() - began) / NOTICE_SECONDS + 1
    while store.glance_seconds <= NOTICE_SECONDS:
        assert time.monotonic() < began + 20
        store.changed(None)
        time.sleep(0.005)
    assert 2 <= heard(listener) <= most + 1
    unfollow()
    store.record_many([ended(jobs[30])])
    assert heard(listener) == 1, "at once, where nobody would tell it later"


def test_a_worker_that_lost_its_jobs_has_nothing_to_tell_of_them(
    store: OrmStore, listener: psycopg.Connection[Any]
) -> None:
    (lost,) = claimed(store, 1)
    store.release("w")
    heard(listener)
    assert store.record_many([ended(lost)]) == ["fenced"]
    assert heard(listener) == 0


def test_a_notice_that_the_database_did_not_take_is_told_later(
    store: OrmStore, listener: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = claimed(store, 1)
    store.on_change(lambda: None)
    heard(listener)
    away = StoreUnavailable("any", "away", "wait")

    def fail(*_: object) -> object:
        raise away

    with monkeypatch.context() as patched:
        patched.setattr(store.database, "run_alone", fail)
        patched.setattr(store.database, "run", fail)
        with pytest.raises(StoreUnavailable):
            store.record_many([ended(first)])
        time.sleep(3 * NOTICE_SECONDS)
        with pytest.raises(StoreUnavailable):
            store.changed(None)
    assert heard(listener) == 0
    time.sleep(3 * NOTICE_SECONDS)
    store.changed(None)
    assert heard(listener) == 1
