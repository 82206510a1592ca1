"""60 containers of `true`, 8 at a time: this library against the bare docker SDK, in turn, in one run.

The SDK's side does create, start, wait, logs and remove in a pool of 8 threads. Ours submits 60 jobs to
a SQLite store and drains it with one worker: the same calls, and every fact stored durably.

    python benchmarks/docker_jobs.py [--rounds N] [--jobs N] [--width N]

Needs an engine: the one that DOCKER_HOST names, with an image that has `true` (--image).
"""

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, JobQuery, JobStatus, WorkerSettings


def bare(image: str, jobs: int, width: int) -> float:
    """Seconds that the SDK alone takes."""
    client = docker.from_env(max_pool_size=width * 2)

    def one(_: int) -> None:
        container = client.containers.create(image, ["true"])
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


def managed(image: str, jobs: int, width: int) -> float:
    """Seconds from the first claim until the last job is finished and cleaned."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=width),
            hosts={"local": Host(name="local", executor="docker", max_concurrent_jobs=width)},
        )
        with ContainerManager(config) as manager:
            manager.submit_many([ContainerSpec(image=image, command=("true",)) for _ in range(jobs)])
            began = time.perf_counter()
            manager.worker().run(drain=True)
            took = time.perf_counter() - began
            completed = manager.list(JobQuery(statuses=(JobStatus.COMPLETED,), limit=jobs + 1))
            if len(completed) != jobs:
                raise SystemExit(f"only {len(completed)} of {jobs} jobs completed")
            return took


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="alpine")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--width", type=int, default=8)
    arguments = parser.parse_args()
    load = (arguments.image, arguments.jobs, arguments.width)
    bare(arguments.image, arguments.width, arguments.width)
    managed(arguments.image, arguments.width, arguments.width)
    ratios = []
    print(f"{'round':>5} {'docker SDK s':>13} {'managed s':>10} {'ratio':>6}")
    for number in range(1, arguments.rounds + 1):
        baseline, ours = bare(*load), managed(*load)
        ratios.append(ours / baseline)
        print(f"{number:>5} {baseline:>13.2f} {ours:>10.2f} {ratios[-1]:>6.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} (lower is better, 1.00 is the bare SDK)")


if __name__ == "__main__":
    main()
