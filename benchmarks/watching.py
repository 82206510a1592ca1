"""What 1,000 running jobs cost the worker that watches them, on the mock platform.

    python benchmarks/watching.py [--quick] [--seconds N]

One worker with the default settings in a process of its own, with so many mock jobs that go on running, and before
that with 10. Memory is the growth of the resident set for each job more; CPU time is the whole process', as a share
of one core; calls are those that reach the executor.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from measuring.figure import Figure, options, show

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, Submission, WorkerSettings
from container_manager_core.background import BackgroundWorker
from container_manager_core.executors.mock import MockPlatform, Outcome
from container_manager_core.executors.mock.faults import Call, Fault

_FEW = 10
_SPEC = ContainerSpec(image="registry.example/app:1", command=("sleep", "infinity"), timeout_seconds=86_400)


def main() -> None:
    """Measure few and many jobs, each in a process of its own, and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to look at the running jobs")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    jobs, seconds = (200, 10.0) if given.quick else (given.jobs, given.seconds)
    if given.alone:
        print(json.dumps(watched(given.jobs, given.seconds)))
        return
    few, many = (in_process(number, seconds) for number in (_FEW, jobs))
    tell(few, many, jobs, seconds)


def in_process(jobs: int, seconds: float) -> dict[str, float]:
    """What `watched` tells in a new process."""
    words = [sys.executable, __file__, "--alone", "--jobs", str(jobs), "--seconds", str(seconds)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def watched(jobs: int, seconds: float) -> dict[str, float]:
    """Threads, resident MiB, CPU share and executor calls while so many jobs run."""
    calls = Calls()
    platform = MockPlatform(outcome=Outcome(duration_seconds=86_400.0), faults=calls)
    with tempfile.TemporaryDirectory() as folder:
        host = Host(name="mock", executor="mock", max_concurrent_jobs=jobs, config={"platform": platform})
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=jobs),
            hosts={"mock": host},
        )
        with ContainerManager(config) as manager, BackgroundWorker(manager.worker()):
            manager.submit_many([Submission(spec=_SPEC, host="mock")] * jobs)
            until = time.monotonic() + 120
            while manager.store.live_by_host().get("mock", 0) < jobs or calls.of["launch_job"] < jobs:
                if time.monotonic() > until:
                    raise SystemExit(f"the jobs did not start: {calls.of}")
                time.sleep(0.2)
            time.sleep(12)  # threads that launched them end after ten idle seconds
            calls.of.clear()
            began, used = time.monotonic(), cpu_seconds()
            time.sleep(seconds)
            share = (cpu_seconds() - used) / (time.monotonic() - began)
            counted = calls.of
            threads, mib = threading.active_count(), resident_mib()
    return {
        "threads": threads,
        "mib": mib,
        "cpu": 100 * share,
        "asked": counted["check_statuses"] + counted["check_status"],
        "usage": counted["get_usage"],
    }


class Calls:
    """Counts the calls that reach the mock platform, and lets none of them fail."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def __call__(self, call: Call) -> Fault | None:
        self.of[call.method] += 1
        return None


def cpu_seconds() -> float:
    """CPU time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mib() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def tell(few: dict[str, float], many: dict[str, float], jobs: int, seconds: float) -> None:
    """Print a row for each promise."""
    what = f"{jobs} running mock jobs"
    rows: list[dict[str, Any]] = [
        {"what": f"{what}: threads", "value": many["threads"], "beside": few["threads"], "most": few["threads"]},
        {
            "what": f"{what}: memory",
            "value": (many["mib"] - few["mib"]) / (jobs - _FEW),
            "beside": few["mib"],
            "unit": "MiB a job",
            "most": 1.0,
        },
        {"what": f"{what}: CPU of one core", "value": many["cpu"], "beside": few["cpu"], "unit": "%", "most": 0.5},
        {
            "what": f"{what}: calls for their state in {seconds:.0f} s",
            "value": many["asked"],
            "beside": few["asked"],
            "most": few["asked"] + 1,
        },
        {"what": f"{what}: looks at their use in {seconds:.0f} s", "value": many["usage"], "beside": few["usage"]},
    ]
    for each in rows:
        beside = f"{each.pop('beside'):.1f} with {_FEW} jobs"
        show(Figure(**each, beside=beside))


if __name__ == "__main__":
    main()
