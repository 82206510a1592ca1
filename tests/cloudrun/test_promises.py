"""Workers are killed while Cloud Run misbehaves: nothing is lost or doubled, and all output is there."""

import json
import random
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from local_clouds.cloudrun import Faults, LocalCloudRun

from container_manager_core import Config, ContainerManager, ContainerSpec, JobStatus
from support.cloudrun import Starts
from support.endings import wait_until_ended
from support.engine import Engine
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 12
poll_interval_seconds = 0.5
lease_seconds = 3
lost_grace_seconds = 8
[hosts.cloud]
executor = "cloudrun"
max_concurrent_jobs = 12
[hosts.cloud.config]
{config}
reads_per_minute = 1000000
writes_per_minute = 1000000
log_reads_per_minute = 1000000
settle_seconds = 3
"""
CODES = (0, 0, 3, 42)


def configure(folder: Path, cloud: LocalCloudRun) -> Path:
    """A configuration file for the workers of one test."""
    path = folder / "container-manager.toml"
    options = {**cloud.options, "quiet_seconds": 2.0}
    config = "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    path.write_text(CONFIGURATION.format(config=config))
    return path


def spec(image: str, number: int) -> ContainerSpec:
    """A job that writes before, during and after its work, and ends with a code of its own."""
    script = f"echo begin {number}; echo note {number} >&2; sleep 0.{number % 10}; seq 1 50; echo end {number}"
    return ContainerSpec(image=image, command=("sh", "-c", f"{script}; exit {CODES[number % len(CODES)]}"))


def expected(number: int) -> list[str]:
    return [f"begin {number}", *map(str, range(1, 51)), f"end {number}"]


def known_executions(manager: ContainerManager, job_id: UUID) -> list[tuple[str, int]]:
    """The attempts of a job that are known to have run."""
    executions = manager.store.executions(job_id)
    return [(str(job_id), execution.attempt) for execution in executions if execution.execution_id]


def test_killed_workers_and_a_failing_platform_lose_and_double_nothing(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count, kills = request.config.getoption("--cloudrun-jobs"), request.config.getoption("--cloudrun-kills")
    chance = random.Random(request.config.getoption("--cloudrun-seed"))
    faults = Faults(
        seed=request.config.getoption("--cloudrun-seed"),
        throttled=0.05,
        unanswered=0.05,
        phantom_capacity=0.1,
        hidden_seconds=0.7,
        late_seconds=0.1,
        scattered_seconds=0.8,
        page_size=7,
    )
    with LocalCloudRun(engine_url=engine.base_url, faults=faults, grace_seconds=1.0) as cloud:
        path = configure(tmp_path, cloud)
        with (
            ContainerManager(Config.load(path)) as manager,
            Starts(engine, cloud) as starts,
            Workers(path, tmp_path / "workers.log") as workers,
        ):
            jobs = [manager.submit(spec(engine.image, number)).id for number in range(count)]
            for _ in range(2):
                workers.start()
            for _ in range(kills):
                time.sleep(chance.uniform(1.0, 3.0))
                workers.kill(chance.choice(workers.running))
                workers.start()
            wait_until_ended(manager, seconds=120 + 6 * count)
            for number, job_id in enumerate(jobs):
                job, output = manager.get(job_id), manager.logs(job_id)
                code = CODES[number % len(CODES)]
                wanted = JobStatus.FAILED if code else JobStatus.COMPLETED
                assert (job.status, job.exit_code) == (wanted, code), f"{job.failure}"
                assert output.stdout.decode().splitlines() == expected(number)
                assert output.stderr.decode() == f"note {number}\n"
            executions = [execution for job_id in jobs for execution in known_executions(manager, job_id)]
            assert starts.by_attempt == Counter(executions), "each recorded execution was started once, and no other"
            manager.reap()
            assert not [run for run in cloud.cloud.executions() if not run.completion_time]
            assert cloud.calls["CreateJob"] <= 2 + kills, "one definition serves all"
