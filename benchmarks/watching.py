"""What running jobs cost the worker that watches them: 1,000 on the mock platform, 200 on a real engine.

    python benchmarks/watching.py [--quick] [--seconds N] [--platform mock|docker]

One worker with the default settings in a process of its own, with so many jobs that go on running, and before that with
10. Memory is the growth of the resident set for each job more; CPU time is the whole process', as a share of one core.
Calls are those that reach the mock executor, or the requests to the engine as a proxy in this process sees them. The
engine is a private one, its containers are of `sleep`.
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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from measuring.figure import Figure, options, show
from measuring.traffic import Counting

from container_manager_core import (
    Config,
    ContainerManager,
    ContainerSpec,
    Host,
    JobStatus,
    Submission,
    WorkerSettings,
)
from container_manager_core.background import BackgroundWorker
from container_manager_core.executors.mock import MockPlatform, Outcome
from container_manager_core.executors.mock.faults import Call, Fault
from support.engine import open_engine

_FEW = 10
_START_SECONDS = 900.0
_SETTLED = "settled"
_STATE_CALLS = ("check_statuses", "check_status", "GET /containers/json", "GET /containers/ID/json")
_USAGE_CALLS = ("get_usage", "GET /containers/ID/stats")


@attrs.frozen(kw_only=True)
class Watched:
    """What a worker needed for the jobs that ran.

    Attributes:
        threads: of its process.
        mib: its resident memory.
        cpu: share of one core, in percent; ``shares`` those of its busiest threads.
        calls: by name, those that reached the executor or the engine meanwhile.
    """

    threads: int
    mib: float
    cpu: float
    shares: Mapping[str, float]
    calls: Mapping[str, int]

    def count(self, names: tuple[str, ...]) -> int:
        """The calls of these names."""
        return sum(self.calls.get(name, 0) for name in names)


def main() -> None:
    """Measure few and many jobs, each in a process of its own, and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="on the mock platform")
    parser.add_argument("--containers", type=int, default=200, help="on the engine")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to look at the running jobs")
    parser.add_argument("--platform", choices=("mock", "docker"), action="append")
    parser.add_argument("--alone", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    jobs, containers, seconds = (200, 20, 10.0) if given.quick else (given.jobs, given.containers, given.seconds)
    if given.alone:
        watch(**given.alone)
        return
    wanted = given.platform or ["mock", "docker"]
    if "mock" in wanted:
        few, many = (in_process(None, "", number, seconds) for number in (_FEW, jobs))
        tell(few, many, f"{jobs} running mock jobs", jobs, seconds)
    if "docker" in wanted:
        with open_engine(private=True) as engine, Counting(engine.base_url) as relay:
            few, many = (in_process(relay, engine.image, number, seconds) for number in (_FEW, containers))
        tell(few, many, f"{containers} running containers on an engine", containers, seconds)


def in_process(relay: Counting | None, image: str, jobs: int, seconds: float) -> Watched:
    """What `watch` tells in a new process, with the requests that passed the relay while it looked."""
    given = {"jobs": jobs, "seconds": seconds, "base_url": relay.base_url if relay else "", "image": image}
    words = [sys.executable, __file__, "--alone", json.dumps(given)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == _SETTLED and relay:
                relay.requests.clear()
            elif line.startswith("{"):
                found = Watched(**json.loads(line))
                return attrs.evolve(found, calls=dict(relay.requests)) if relay else found
    raise SystemExit(f"the worker of {jobs} jobs could not be measured")


def watch(jobs: int, seconds: float, base_url: str, image: str) -> None:
    """Have so many jobs running; print a word when they are, and after so many seconds what was needed for them.

    Args:
        base_url, image: of an engine; the mock platform without.
    """
    calls = Calls()
    platform = {"platform": MockPlatform(outcome=Outcome(duration_seconds=86_400.0), faults=calls)}
    host = Host(
        name="host",
        executor="docker" if base_url else "mock",
        max_concurrent_jobs=jobs,
        config={"base_url": base_url, "timeout": 300.0} if base_url else platform,
    )
    spec = ContainerSpec(image=image or "registry.example/app:1", command=("sleep", "86400"), timeout_seconds=86_400)
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=jobs),
            hosts={"host": host},
        )
        with ContainerManager(config) as manager, BackgroundWorker(worker := manager.worker()):
            manager.submit_many([Submission(spec=spec, host="host")] * jobs)
            until_running(manager, jobs)
            time.sleep(12)  # threads that launched them end after ten idle seconds
            calls.of.clear()
            print(_SETTLED, flush=True)
            used_by = thread_seconds()
            began, used = time.monotonic(), cpu_seconds()
            time.sleep(seconds)
            took, used = time.monotonic() - began, cpu_seconds() - used
            shares = {name: 100 * (spent - used_by.get(name, 0.0)) / took for name, spent in thread_seconds().items()}
            found = Watched(
                threads=threading.active_count(),
                mib=resident_mib(),
                cpu=100 * used / took,
                shares={name.removesuffix(f" {worker.id}"): share for name, share in shares.items() if share >= 0.1},
                calls=dict(calls.of),
            )
            print(json.dumps(attrs.asdict(found)), flush=True)


def until_running(manager: ContainerManager, jobs: int) -> None:
    """Wait until so many jobs run."""
    until = time.monotonic() + _START_SECONDS
    while manager.store.count().get((JobStatus.RUNNING, "host"), 0) < jobs:
        if time.monotonic() > until:
            raise SystemExit(f"the jobs did not start: {manager.store.count()}")
        time.sleep(0.2)


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


def thread_seconds() -> dict[str, float]:
    """CPU time of each thread so far, to a tick of the kernel's clock."""
    found = {}
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
        found[thread.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def resident_mib() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def tell(few: Watched, many: Watched, what: str, jobs: int, seconds: float) -> None:
    """Print a row for each promise."""
    looks = f"in {seconds:.0f} s"
    calls = ", ".join(f"{name} {count}" for name, count in sorted(many.calls.items()))
    rows: list[dict[str, Any]] = [
        {"what": "threads", "value": many.threads, "beside": few.threads, "most": few.threads},
        {
            "what": "memory",
            "value": (many.mib - few.mib) / (jobs - _FEW),
            "beside": few.mib,
            "unit": "MiB a job",
            "most": 1.0,
        },
        {
            "what": "CPU of one core",
            "value": many.cpu,
            "beside": few.cpu,
            "unit": "%",
            "most": 0.5,
            "ours": ", ".join(f"{name} {share:.1f} %" for name, share in many.shares.items()),
        },
        {
            "what": f"calls for their state {looks}",
            "value": many.count(_STATE_CALLS),
            "beside": few.count(_STATE_CALLS),
            "most": few.count(_STATE_CALLS) + 1,
        },
        {
            "what": f"looks at their use {looks}",
            "value": many.count(_USAGE_CALLS),
            "beside": few.count(_USAGE_CALLS),
        },
        {"what": f"calls {looks}", "value": sum(many.calls.values()), "beside": sum(few.calls.values()), "ours": calls},
    ]
    for each in rows:
        title, beside = each.pop("what"), f"{each.pop('beside'):.1f} with {_FEW} jobs"
        show(Figure(**each, what=f"{what}: {title}", beside=beside))


if __name__ == "__main__":
    main()
