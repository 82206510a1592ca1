"""How a project's worker begins and ends."""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest

from container_manager_core import ContainerManager, ContainerSpec, JobStatus
from support.engine import Engine
from support.manage import DjangoProject
from support.starts import StartCounter

Seen = Callable[[DjangoProject], AbstractContextManager[ContainerManager]]


def a_running_job(manager: ContainerManager, image: str, seconds: float) -> UUID:
    """A job that a worker has started."""
    script = f"echo begin; sleep {seconds}; echo end"
    job_id = manager.submit(ContainerSpec(image=image, command=("sh", "-c", script))).id
    deadline = time.monotonic() + 60
    while manager.get(job_id).status is not JobStatus.RUNNING:
        assert time.monotonic() < deadline, manager.get(job_id)
        time.sleep(0.05)
    return job_id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_told_to_stop_ends_and_the_next_one_adopts_its_container(
    project_on: Callable[..., DjangoProject], seen: Seen, engine: Engine
) -> None:
    project = project_on()
    with seen(project) as manager, StartCounter(engine, manager.store.installation_id()) as starts:
        first = project.start("process_container_jobs")
        job_id = a_running_job(manager, engine.image, 6)
        first.terminate()
        assert first.wait(30) == 0
        left = manager.get(job_id)
        assert (left.status, left.worker) == (JobStatus.RUNNING, None)
        project.start("process_container_jobs")
        ended = manager.wait(job_id, 60)
        assert (ended.status, ended.attempt) == (JobStatus.COMPLETED, 1)
        assert manager.logs(job_id).stdout == b"begin\nend\n"
        assert starts.by_name == {f"cm-{job_id}-1": 1}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_second_signal_ends_a_worker_that_is_still_waiting(
    project_on: Callable[..., DjangoProject], seen: Seen, engine: Engine
) -> None:
    """One that was asked to finish what it began goes on after a first signal."""
    project = project_on()
    with seen(project) as manager:
        worker = project.start("process_container_jobs", "--drain")
        job_id = a_running_job(manager, engine.image, 300)
        worker.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 143
        assert "ended at once by a second signal" in project.told()
        manager.cancel(job_id)
        project.start("process_container_jobs")
        assert manager.wait(job_id, 60).status is JobStatus.CANCELLED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_waits_for_unapplied_migrations_and_goes_on_once_they_are_applied(
    database_url: str, tmp_path: Path
) -> None:
    with DjangoProject(tmp_path / "project", database_url) as project:
        worker = project.start("process_container_jobs", "--once")
        project.wait_until_told("Waiting for unapplied migrations")
        assert "container_manager.0001_initial" in project.told()
        assert "run 'manage.py migrate'" in project.told()
        project.manage("migrate", "--verbosity", "0")
        assert worker.wait(60) == 0
        assert "Traceback" not in project.told()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hosts_made_changed_and_deactivated_reach_a_worker_that_runs_and_are_checked_without_jobs(
    database_url: str, engine: Engine, seen: Seen, tmp_path: Path
) -> None:
    settings = "CONTAINER_MANAGER = {'POLL_INTERVAL': 0.2, 'HEALTH_INTERVAL_SECONDS': 0.5}"
    with DjangoProject(tmp_path / "project", database_url, settings) as project:
        project.manage("migrate", "--verbosity", "0")
        host = "from container_manager.models import ExecutorHost, ContainerJob as J; H = ExecutorHost.objects"
        project.python(f"{host}; H.create(name='dead', connection_string='unix:///nowhere/docker.sock')")
        project.start("process_container_jobs")
        project.wait_until_told("worker.started")
        project.python(f"{host}; H.create(name='new', connection_string={engine.base_url!r})")
        with seen(project) as manager:
            submit = f"{host}; print(J.objects.create(image={engine.image!r}, command='true', docker_host_id={{}}).id)"
            job_id = UUID(project.python(submit.format("'new'")).strip())
            assert manager.wait(job_id, 60).status is JobStatus.COMPLETED
            dead = project.python(f"{host}; h = H.get(name='dead'); print(h.health_check_failures, h.health_message)")
            assert int(dead.split()[0]) >= 1
            assert "/nowhere/docker.sock" in dead
            new = "h = H.get(name='new'); print(bool(h.last_health_check), h.average_startup_time)"
            checked, average = project.python(f"{host}; {new}").split()
            assert checked == "True"
            assert float(average) > 0
            project.python(f"{host}; H.filter(name='dead').update(connection_string={engine.base_url!r})")
            job_id = UUID(project.python(submit.format("'dead'")).strip())
            assert manager.wait(job_id, 60).status is JobStatus.COMPLETED
            project.python(f"{host}; H.filter(name='new').update(is_active=False)")
            time.sleep(1)
            job_id = UUID(project.python(submit.format("'new'")).strip())
            deadline = time.monotonic() + 60
            while manager.get(job_id).waiting is None:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert "new: it is not active" in (manager.get(job_id).waiting or "")
