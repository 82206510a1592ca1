"""The engine dies under running jobs, or the connection to it fails: the worker goes on, every job ends right."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager
from support.endings import (
    Witness,
    assert_completed,
    assert_whole_output,
    left_over,
    numbered,
    wait_until_ended,
    wait_until_running,
)
from support.engine import Engine
from support.first_processes import FirstProcesses
from support.private_engine import PrivateEngine
from support.proxy import FaultyProxy
from support.starts import StartCounter
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 20
poll_interval_seconds = 0.5
lease_seconds = 5
lost_grace_seconds = 3
[hosts.engine]
executor = "docker"
max_concurrent_jobs = 20
config = {{ base_url = "{base_url}", timeout = 5 }}
"""


@pytest.mark.parametrize("running", [20, 8], ids=["under running jobs", "while it starts some"])
def test_an_engine_that_is_killed_loses_and_doubles_nothing(
    private_engine: PrivateEngine, tmp_path: Path, running: int
) -> None:
    path = tmp_path / "container-manager.toml"
    path.write_text(CONFIGURATION.format(base_url=private_engine.base_url))
    witness = Witness(tmp_path / "witness")
    with (
        ContainerManager(Config.load(path)) as manager,
        Workers(path, tmp_path / "workers.log") as workers,
        FirstProcesses() as processes,
    ):
        # Of some the end comes while there is no engine; of some the engine makes an end when it is back.
        jobs = [
            manager.submit(witness.spec(private_engine.image, number, 10 + number % 5, stubborn=number % 3 == 0)).id
            for number in range(20)
        ]
        worker = workers.start()
        wait_until_running(manager, running, seconds=60)
        killed_at = datetime.now(UTC)
        private_engine.kill()
        time.sleep(2)
        private_engine.start()
        back_at = datetime.now(UTC)
        wait_until_ended(manager, seconds=120)
        assert worker.poll() is None, "the worker has ended"
        assert_completed(manager, jobs)
        # What a command writes while there is no engine, and no longer runs when there is one, no engine has read.
        unheard = {job_id for job_id in jobs if killed_at < (manager.get(job_id).finished_at or back_at) < back_at}
        assert_whole_output(manager, jobs, unheard)
        assert processes.doubles == set()
        attempts = {(str(job_id), execution.attempt) for job_id in jobs for execution in manager.executions(job_id)}
        assert {name for name, times in witness.begun.items() if times > 1} == set(), "an attempt began again"
        assert set(witness.begun) <= attempts
        assert {job_id for job_id, _ in witness.begun} == {str(job_id) for job_id in jobs}
        assert any(attempt > 1 for _, attempt in attempts), "the engine took no container down: nothing was tested"
        manager.reap()  # what the engine forgot that it started is left to that
        assert left_over(private_engine, manager.store.installation_id()) == []
        assert "cannot be reached" in (tmp_path / "workers.log").read_text()


def test_connections_that_fail_lose_and_double_nothing(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Requests that never arrive, that arrive and are not answered, and that are late, of every kind."""
    rates = {
        "POST /containers/create": 0.3,
        "POST /containers/ID/start": 0.4,
        "DELETE /containers/ID": 0.3,
        "GET /containers/ID/logs": 0.3,
        "GET /events": 0.3,
        "*": 0.05,
    }
    count, seed = request.config.getoption("--proxy-jobs"), request.config.getoption("--storm-seed")
    path = tmp_path / "container-manager.toml"
    with FaultyProxy(engine.base_url, rates, seed) as proxy:
        path.write_text(CONFIGURATION.format(base_url=proxy.base_url))
        with (
            ContainerManager(Config.load(path)) as manager,
            StartCounter(engine, manager.store.installation_id()) as starts,
            Workers(path, tmp_path / "workers.log") as workers,
        ):
            jobs = [manager.submit(numbered(engine.image, number, number % 3 / 2)).id for number in range(count)]
            worker = workers.start()
            wait_until_ended(manager, seconds=60 + 3 * count)
            assert worker.poll() is None, "the worker has ended"
            assert_completed(manager, jobs)
            assert_whole_output(manager, jobs)
            attempts = {f"cm-{job_id}-{one.attempt}" for job_id in jobs for one in manager.executions(job_id)}
            print(f"faults: {dict(proxy.struck)}; attempts: {len(attempts)}; started: {sum(starts.by_name.values())}")
            assert starts.twice == []
            assert len(starts.by_name) == count, "a job was started in more than one attempt"
            assert set(starts.by_name) <= attempts
            for struck in (("POST /containers/create", "cut"), ("POST /containers/ID/start", "cut")):
                assert proxy.struck[struck], f"no {struck}: nothing was tested"
            assert left_over(engine, manager.store.installation_id()) == []
