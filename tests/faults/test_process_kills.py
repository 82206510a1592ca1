"""Workers of one SQLite store die by SIGKILL again and again, with commands as local processes: many kills, cheap."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager, ContainerSpec
from support.endings import assert_completed, wait_until_ended
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
max_concurrent_jobs = 4
poll_interval_seconds = 0.2
lease_seconds = 1
[hosts.here]
executor = "process"
max_concurrent_jobs = 5
config = { state_folder = "STATE" }
"""
JOBS = 60
WORKERS = 4


def test_four_workers_killed_at_random_lose_and_double_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = request.config.getoption("--chaos-kills")
    chance = random.Random(request.config.getoption("--storm-seed"))
    path = tmp_path / "container-manager.toml"
    path.write_text(CONFIGURATION.replace("STATE", str(tmp_path / "state")))
    trace = tmp_path / "begun"
    with ContainerManager(Config.load(path)) as manager, Workers(path, tmp_path / "workers.log") as workers:
        jobs = []
        for number in range(JOBS * kills // 30):
            script = f"echo {number} >> {trace}; echo begin; sleep {chance.uniform(0, 1):.2f}; echo end {number}"
            spec = ContainerSpec(image="none", command=("sh", "-c", script))
            jobs.append(manager.submit(spec, host="here").id)
        for _ in range(WORKERS):
            workers.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 0.8))
            workers.kill(chance.choice(workers.running))
            workers.start()
        wait_until_ended(manager, seconds=60 + len(jobs))
        assert_completed(manager, jobs)
        assert Counter(map(int, trace.read_text().split())) == dict.fromkeys(range(len(jobs)), 1)
        assert {manager.get(job_id).attempt for job_id in jobs} == {1}
        for number, job_id in enumerate(jobs):
            assert manager.logs(job_id).stdout.decode() == f"begin\nend {number}\n"
        assert list((tmp_path / "state").rglob("cm-*")) == [], "something was not cleaned up"
