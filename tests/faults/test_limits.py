"""Limits hold whatever comes: places on a host, the memory of a worker, its threads."""

import gc
import threading
import time
import tracemalloc
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, JobQuery, JobStatus
from container_manager_core.config import WorkerSettings
from container_manager_core.executors.mock import MockPlatform, Outcome
from support.endings import assert_completed, assert_whole_output, containers, left_over, numbered, wait_until_ended
from support.engine import Engine
from support.starts import StartCounter
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 10
poll_interval_seconds = 0.5
[hosts.engine]
executor = "docker"
max_concurrent_jobs = {capacity}
config = {{ base_url = "{base_url}" }}
"""
MIB = 1024 * 1024


def configure(folder: Path, engine: Engine, capacity: int) -> Path:
    path = folder / "container-manager.toml"
    path.write_text(CONFIGURATION.format(base_url=engine.base_url, capacity=capacity))
    return path


def test_four_workers_never_exceed_the_places_of_a_host(engine: Engine, tmp_path: Path) -> None:
    path = configure(tmp_path, engine, capacity=3)
    sampled: list[int] = []
    with (
        ContainerManager(Config.load(path)) as manager,
        StartCounter(engine, manager.store.installation_id()) as starts,
        Workers(path, tmp_path / "workers.log") as workers,
        closing(engine.client()) as client,
    ):
        installation_id = manager.store.installation_id()
        jobs = [job.id for job in manager.submit_many([numbered(engine.image, n, 0.3) for n in range(24)])]
        running = [workers.start("--drain") for _ in range(4)]
        while any(worker.poll() is None for worker in running):
            sampled.append(len(containers(client, installation_id, status="running")))
            time.sleep(0.05)
        assert [worker.returncode for worker in running] == [0] * 4
        assert_completed(manager, jobs)
        assert_whole_output(manager, jobs)
        assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert max(sampled) == starts.most_running == 3, "more than the host has places for, or some never used"
        assert left_over(engine, installation_id) == []


def resident_mib(pid: int) -> float:
    """Memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / MIB


def test_a_flood_of_output_takes_no_memory_and_delays_nobody(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    flood = request.config.getoption("--flood-mib") * MIB
    path = configure(tmp_path, engine, capacity=4)
    with (
        ContainerManager(Config.load(path)) as manager,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        worker = workers.start()
        warm = [manager.submit(numbered(engine.image, number, 0)).id for number in range(2)]
        wait_until_ended(manager, seconds=30)
        before = highest = resident_mib(worker.pid)
        command = ("sh", "-c", f"yes $(printf %01000d 0) | head -c {flood}")
        flooding = manager.submit(ContainerSpec(image=engine.image, command=command)).id
        others, slowest = list(warm), timedelta(0)
        while not manager.get(flooding).status.is_terminal:
            other = manager.submit(numbered(engine.image, len(others), 0)).id
            others.append(other)
            while not manager.get(other).status.is_terminal:
                highest = max(highest, resident_mib(worker.pid))
                time.sleep(0.02)
            ended = manager.get(other)
            assert ended.finished_at is not None
            slowest = max(slowest, ended.finished_at - ended.created_at)
        wait_until_ended(manager, seconds=30)
        print(f"memory: {before:.0f} to {highest:.0f} MiB; {len(others)} other jobs, the slowest {slowest}")
        assert_completed(manager, [flooding, *others])
        assert_whole_output(manager, others)
        assert highest - before < 64
        assert slowest < timedelta(seconds=10)


def test_a_thousand_running_jobs_take_no_thread_each_and_little_memory() -> None:
    count = 1000
    platform = MockPlatform(outcome=lambda job: Outcome(duration_seconds=3600))
    host = Host(name="mock", executor="mock", max_concurrent_jobs=count, config={"platform": platform})
    settings = WorkerSettings(max_concurrent_jobs=count, poll_interval_seconds=0.2)
    with ContainerManager(Config(store="memory:", worker=settings, hosts={"mock": host})) as manager:
        # What store and platform keep is not the worker's: they hold these jobs with or without it.
        first = manager.worker()
        thread = threading.Thread(target=first.run)
        thread.start()
        jobs = [manager.submit(ContainerSpec(image="alpine"), host="mock").id for _ in range(count)]
        wait_until_all_run(manager, count)
        first.stop()
        thread.join(10)
        threads = threading.active_count()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            second = manager.worker()
            thread = threading.Thread(target=second.run)
            thread.start()
            deadline = time.monotonic() + 30
            while len(second.held_jobs) < count:
                assert time.monotonic() < deadline, f"adopted {len(second.held_jobs)}"
                time.sleep(0.05)
            time.sleep(1)
            more_threads = threading.active_count() - threads
            gc.collect()
            rise = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
            second.stop()
            thread.join(10)
        print(f"{rise / MIB:.1f} MiB and {more_threads} threads for {len(jobs)} jobs")
        assert rise < 8 * MIB
        assert more_threads < 30


def wait_until_all_run(manager: ContainerManager, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(manager.list(JobQuery(statuses=(JobStatus.RUNNING,), limit=count))) < count:
        assert time.monotonic() < deadline, f"{manager.store.count()}"
        time.sleep(0.1)
