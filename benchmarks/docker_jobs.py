"""60 containers of `true`, 8 at a time: this library against the bare docker SDK, in turn, in one run.

The SDK's side does create, start, wait, logs and remove in a pool of 8 threads. Ours submits 60 jobs to
a SQLite store and drains it with one worker: the same calls, and every fact stored durably.

    python benchmarks/docker_jobs.py [--quick] [--rounds N] [--jobs N] [--width N]

The engine is the one that answers, or a private one.
"""

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measuring.figure import Figure, options, ratio, show

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, JobQuery, JobStatus, WorkerSettings
from support.engine import Engine, open_engine


def bare(engine: Engine, jobs: int, width: int) -> float:
    """Seconds that the SDK alone takes."""
    client = engine.client()

    def one(_: int) -> None:
        container = client.containers.create(engine.image, ["true"])
        container.start()
        container.wait()
        container.logs()
        container.remove()

    began = time.perf_counter()
    with ThreadPoolExecutor(width) as pool:
        list(pool.map(one, range(jobs)))
    took = time.perf_counter() - began
    client.close()
    return took


def managed(engine: Engine, jobs: int, width: int) -> float:
    """Seconds from the first claim until the last job is finished and cleaned."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=width),
            hosts={
                "local": Host(
                    name="local",
                    executor="docker",
                    max_concurrent_jobs=width,
                    config={"base_url": engine.base_url},
                )
            },
        )
        with ContainerManager(config) as manager:
            manager.submit_many([ContainerSpec(image=engine.image, command=("true",)) for _ in range(jobs)])
            began = time.perf_counter()
            manager.worker().run(drain=True)
            took = time.perf_counter() - began
            completed = manager.list(JobQuery(statuses=(JobStatus.COMPLETED,), limit=jobs + 1))
            if len(completed) != jobs:
                raise SystemExit(f"only {len(completed)} of {jobs} jobs completed")
            return took


def main() -> None:
    """Measure and print the table."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--width", type=int, default=8)
    arguments = parser.parse_args()
    rounds, jobs = (1, 16) if arguments.quick else (arguments.rounds, arguments.jobs)
    with open_engine() as engine:
        for measure in (bare, managed):
            measure(engine, arguments.width, arguments.width)
        baselines, ours = [], []
        for _ in range(rounds):
            baselines.append(bare(engine, jobs, arguments.width))
            ours.append(managed(engine, jobs, arguments.width))
    show(
        Figure(
            what=f"{jobs} containers of `true`, {arguments.width} at a time, beside the docker SDK alone",
            ours=f"{statistics.median(ours):.2f} s",
            beside=f"{statistics.median(baselines):.2f} s",
            value=ratio(ours, baselines),
            most=1.10,
        )
    )


if __name__ == "__main__":
    main()
