"""Workers die while the platform misbehaves: nothing is lost, doubled or left behind, and all output is there."""

import random
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import pytest
import requests
from local_clouds.fargate import Faults, LocalFargate

from container_manager_core import Config, ContainerManager, ContainerSpec, JobStatus
from support.endings import wait_until_ended
from support.engine import Engine
from support.fargate import ROLE
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 6
poll_interval_seconds = 0.5
lease_seconds = 2
[hosts.cloud]
executor = "fargate"
max_concurrent_jobs = 10
[hosts.cloud.config]
endpoint_url = "{url}"
region = "{region}"
subnets = ["subnet-1"]
execution_role_arn = "{role}"
ecs_calls_per_second = 1000
log_calls_per_second = 1000
backoff_seconds = 0.05
log_settle_seconds = 1.0
"""


class Starts:
    """Counts at the engine how often each attempt of a job was started, while the block runs."""

    def __init__(self, engine: Engine, installation_id: str) -> None:
        self.by_attempt: Counter[tuple[str, str]] = Counter()
        self._client: docker.DockerClient = engine.client()
        filters = {
            "type": "container",
            "event": "start",
            "label": ["local-clouds", f"container-manager.installation={installation_id}"],
        }
        self._events = self._client.events(decode=True, filters=filters)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._events.close()
        self._thread.join(5)
        self._client.close()

    def _listen(self) -> None:
        try:
            for event in self._events:
                labels = event["Actor"]["Attributes"]
                self.by_attempt[labels["container-manager.job"], labels["container-manager.attempt"]] += 1
        except (docker.errors.DockerException, requests.RequestException, OSError, ValueError):
            return  # closed from outside


def job(image: str, number: int, seconds: float) -> ContainerSpec:
    """Its output and its exit code tell its number."""
    script = f"echo begin {number}; sleep {seconds:.2f}; seq 1 200; echo end {number}; exit {number % 3}"
    return ContainerSpec(image=image, command=("sh", "-c", script))


def expected(number: int) -> list[str]:
    return sorted([f"begin {number}", *map(str, range(1, 201)), f"end {number}"])


def test_workers_killed_on_a_platform_full_of_faults_lose_and_double_nothing(
    engine: Engine, cloud: LocalFargate, faults: Faults, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count, kills = request.config.getoption("--fargate-jobs"), request.config.getoption("--fargate-kills")
    chance = random.Random(1)
    path = tmp_path / "container-manager.toml"
    path.write_text(CONFIGURATION.format(url=cloud.url, region=cloud.region, role=ROLE))
    faults.throttled, faults.error_after, faults.lost = 0.05, 0.05, 0.03
    faults.capacity, faults.capacity_started = 0.05, 0.1
    faults.hidden_seconds, faults.late_log_seconds, faults.page_size = 1.0, 0.5, 7
    with (
        ContainerManager(Config.load(path)) as manager,
        Starts(engine, manager.store.installation_id()) as starts,
        Workers(path, tmp_path / "workers.log") as workers,
    ):
        jobs = [manager.submit(job(engine.image, number, chance.uniform(0, 1.5))).id for number in range(count)]
        for _ in range(2):
            workers.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3.0))
            workers.kill(chance.choice(workers.running))
            workers.start()
        wait_until_ended(manager, seconds=60 + 5 * count)
        ended = [manager.get(job_id) for job_id in jobs]
        for number, each in enumerate(ended):
            wanted = JobStatus.FAILED if number % 3 else JobStatus.COMPLETED
            assert (each.status, each.exit_code) == (wanted, number % 3), f"job {number}: {each.failure}"
            assert sorted(manager.logs(each.id).stdout.decode().splitlines()) == expected(number)
        assert max(starts.by_attempt.values()) == 1, "no attempt was started twice"
        assert {job_id for job_id, _ in starts.by_attempt} == {str(job_id) for job_id in jobs}
        assert len(starts.by_attempt) == sum(each.attempt for each in ended), "an attempt is one container"
        assert left_over(engine, manager.store.installation_id()) == []


def left_over(engine: Engine, installation_id: str) -> list[Any]:
    with closing(engine.client()) as client:
        label = f"container-manager.installation={installation_id}"
        return list(client.containers.list(all=True, sparse=True, filters={"label": label}))
