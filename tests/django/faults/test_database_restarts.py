"""The database server crashes and comes back while workers of a project hold jobs."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest

from container_manager_core import ContainerManager
from container_manager_core.errors import StoreUnavailable
from support.endings import (
    assert_completed,
    assert_whole_output,
    left_over,
    numbered,
    wait_until_ended,
    wait_until_running,
)
from support.engine import Engine
from support.manage import DjangoProject
from support.mariadb import MariaDbServer
from support.postgres import PostgresServer
from support.starts import StartCounter

Seen = Callable[[DjangoProject], AbstractContextManager[ContainerManager]]


def answer_again(manager: ContainerManager) -> None:
    """The test's own connection may notice at its next use alone that it is gone."""
    with suppress(StoreUnavailable):
        manager.list()


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_workers_go_on_by_themselves_after_the_database_crashed_and_no_job_is_lost_or_doubled(
    project_on: Callable[..., DjangoProject], seen: Seen, engine: Engine, server: PostgresServer | MariaDbServer
) -> None:
    project = project_on(capacity=3, LEASE_SECONDS=5.0)
    with seen(project) as manager, StartCounter(engine, manager.store.installation_id()) as starts:
        jobs = [job.id for job in manager.submit_many([numbered(engine.image, number, 2) for number in range(6)])]
        workers = [project.start("process_container_jobs") for _ in range(2)]
        wait_until_running(manager, 1, seconds=60)
        for _ in range(2):
            server.stop(mode="immediate")
            time.sleep(1)
            server.start()
            answer_again(manager)
            time.sleep(2)
        wait_until_ended(manager, seconds=120)
        assert [worker.poll() for worker in workers] == [None, None], project.told()
        assert_completed(manager, jobs)
        assert_whole_output(manager, jobs)
        assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert left_over(engine, manager.store.installation_id()) == []
    assert "store.unavailable" in project.told()
    assert "Traceback" not in project.told()


@pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
def test_a_worker_that_starts_before_its_database_waits_for_it(
    project_on: Callable[..., DjangoProject], server: PostgresServer | MariaDbServer
) -> None:
    project = project_on()
    server.stop()
    worker = project.start("process_container_jobs")
    project.wait_until_told("Waiting for the database 'default'")
    server.start()
    project.wait_until_told("worker.started")
    assert worker.poll() is None
    assert "Traceback" not in project.told()
