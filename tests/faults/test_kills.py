"""Workers die by SIGKILL at random moments while real containers run: nothing is lost, doubled or left behind."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager, ContainerSpec, JobQuery, JobStatus
from support.engine import Engine
from support.starts import StartCounter
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 6
poll_interval_seconds = 0.5
lease_seconds = 2
[hosts.engine]
executor = "docker"
max_concurrent_jobs = {capacity}
config = {{ base_url = "{base_url}" }}
"""


def configure(folder: Path, engine: Engine, capacity: int = 6) -> Path:
    """A configuration file for the workers of one test."""
    path = folder / "container-manager.toml"
    path.write_text(CONFIGURATION.format(base_url=engine.base_url, capacity=capacity))
    return path


def job(image: str, number: int, seconds: float) -> ContainerSpec:
    """A job that writes before, during and after its work."""
    script = f"echo begin {number}; echo note {number} >&2; sleep {seconds:.2f}; seq 1 200; echo end {number}"
    return ContainerSpec(image=image, command=("sh", "-c", script))


def expected(number: int) -> bytes:
    lines = [f"begin {number}", *map(str, range(1, 201)), f"end {number}"]
    return "".join(f"{line}\n" for line in lines).encode()


def left_over(engine: Engine, installation_id: str) -> list[str]:
    """The containers of an installation that still exist."""
    with closing(engine.client()) as client:
        label = f"container-manager.installation={installation_id}"
        return [container.name or "" for container in client.containers.list(all=True, filters={"label": label})]


def wait_until_ended(manager: ContainerManager, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        jobs = manager.list(JobQuery(limit=10_000))
        if all(job.status.is_terminal and not job.needs_attention for job in jobs):
            return
        time.sleep(0.2)
    unfinished = [f"{job.id} {job.status.value}" for job in jobs if not job.status.is_terminal]
    raise AssertionError(f"after {seconds} s these jobs have not ended: {unfinished}")


def test_workers_killed_at_random_lose_and_double_nothing(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count, kills = request.config.getoption("--storm-jobs"), request.config.getoption("--storm-kills")
    chance = random.Random(request.config.getoption("--storm-seed"))
    path = configure(tmp_path, engine)
    with (
        ContainerManager(Config.load(path)) as manager,
        StartCounter(engine, manager.store.installation_id()) as starts,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        jobs = [manager.submit(job(engine.image, number, chance.uniform(0, 1.5))).id for number in range(count)]
        for _ in range(3):
            workers.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 1.6))
            workers.kill(chance.choice(workers.running))
            workers.start()
        wait_until_ended(manager, seconds=60 + 3 * count)
        ended = [manager.get(job_id) for job_id in jobs]
        assert {job.status for job in ended} == {JobStatus.COMPLETED}
        assert [job.attempt for job in ended] == [1] * count
        for number, job_id in enumerate(jobs):
            output = manager.logs(job_id)
            assert output.stdout == expected(number)
            assert output.stderr == f"note {number}\n".encode()
        assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert starts.most_running <= 6
        assert left_over(engine, manager.store.installation_id()) == []


def test_two_workers_start_each_job_once_and_never_exceed_the_capacity(engine: Engine, tmp_path: Path) -> None:
    path = configure(tmp_path, engine, capacity=3)
    with (
        ContainerManager(Config.load(path)) as manager,
        StartCounter(engine, manager.store.installation_id()) as starts,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        jobs = [job.id for job in manager.submit_many([job(engine.image, number, 0.2) for number in range(20)])]
        running = [workers.start("--drain", "--max-jobs", "10") for _ in range(2)]
        for worker in running:
            assert worker.wait(120) == 0
        assert [manager.get(job_id).status for job_id in jobs] == [JobStatus.COMPLETED] * 20
        assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert starts.most_running <= 3
        assert left_over(engine, manager.store.installation_id()) == []


def test_a_worker_that_is_told_to_stop_lets_its_containers_go_on(engine: Engine, tmp_path: Path) -> None:
    path = configure(tmp_path, engine)
    with (
        ContainerManager(Config.load(path)) as manager,
        StartCounter(engine, manager.store.installation_id()) as starts,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        job_id = manager.submit(job(engine.image, 7, 6)).id
        first = workers.start()
        deadline = time.monotonic() + 20
        while manager.get(job_id).status is not JobStatus.RUNNING and time.monotonic() < deadline:
            time.sleep(0.05)
        first.terminate()
        assert first.wait(30) == 0
        left = manager.get(job_id)
        assert (left.status, left.worker) == (JobStatus.RUNNING, None)
        workers.start()
        ended = manager.wait(job_id, 30)
        assert (ended.status, ended.attempt) == (JobStatus.COMPLETED, 1)
        assert manager.logs(job_id).stdout == expected(7)
        assert starts.by_name == {f"cm-{job_id}-1": 1}
