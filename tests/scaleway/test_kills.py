"""Workers die by SIGKILL while everything that can go wrong at Scaleway does: nothing is lost, doubled or cut."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from local_clouds.scaleway import Cloud

from container_manager_core import Config, ContainerManager, ContainerSpec, JobStatus
from support.endings import wait_until_ended
from support.engine import Engine
from support.starts import ContainerStarts
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 8
poll_interval_seconds = 0.5
lease_seconds = 2
lost_grace_seconds = 4
[hosts.cloud]
executor = "scaleway"
max_concurrent_jobs = 8
[hosts.cloud.config]
api_url = "{api_url}"
project_id = "{project_id}"
region = "{region}"
access_key = "{access_key}"
secret_key = "{secret_key}"
calls_per_second = 200.0
log_quiet_seconds = 1.5
visibility_seconds = 2.5
"""

_SCRIPT = (
    "i=0; while [ $i -lt 20 ]; do echo {number} line $i; i=$((i+1)); done; sleep {seconds:.2f}; echo end; exit {code}"
)


def test_workers_killed_while_scaleway_fails_lose_and_double_nothing(
    engine: Engine, cloud: Cloud, keys: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count, kills = request.config.getoption("--scaleway-jobs"), request.config.getoption("--scaleway-kills")
    chance = random.Random(request.config.getoption("--scaleway-seed"))
    path = tmp_path / "container-manager.toml"
    known = cloud.credentials
    path.write_text(CONFIGURATION.format(api_url=cloud.url, project_id=known.project_id, region=known.region, **keys))
    faults = cloud.faults
    faults.throttled, faults.lost, faults.out_of_stock = 0.05, 0.1, 0.1
    faults.hide_seconds, faults.late_seconds = 1.0, 1.0
    codes = [number % 3 for number in range(count)]
    with (
        ContainerManager(Config.load(path)) as manager,
        ContainerStarts(engine, "local-clouds=scaleway-tests") as starts,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        ids = [manager.submit(_job(engine.image, number, code, chance)).id for number, code in enumerate(codes)]
        for _ in range(2):
            workers.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3.0))
            workers.kill(chance.choice(workers.running))
            workers.start()
        wait_until_ended(manager, seconds=60 + 4 * count)
        jobs = [manager.get(job_id) for job_id in ids]
        output = [manager.logs(job_id).stdout.decode() for job_id in ids]
    # An attempt for which there was no room is followed by another; none of the two ran twice.
    assert [job.exit_code for job in jobs] == codes
    assert [job.status for job in jobs] == [JobStatus.FAILED if code else JobStatus.COMPLETED for code in codes]
    for number, text in enumerate(output):
        assert text.splitlines() == [*(f"{number} line {line}" for line in range(20)), "end"]
    runs = cloud.runs.all(lambda made: False)
    begun = Counter(
        run["environment_variables"]["CONTAINER_MANAGER_JOB_ID"]
        for run in runs
        for _ in range(starts.by_name[f"scaleway-{run['id']}"])
    )
    assert begun == {str(job_id): 1 for job_id in ids}, "each job's container was started once"
    assert len(cloud.definitions.all()) == 1


def _job(image: str, number: int, code: int, chance: random.Random) -> Any:
    script = _SCRIPT.format(number=number, seconds=chance.uniform(0, 1.5), code=code)
    return ContainerSpec(image=image, command=("sh", "-c", script))
