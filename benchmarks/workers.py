"""Two workers beside one, on PostgreSQL through Django.

    python benchmarks/workers.py [--quick] [--jobs N] [--width N]

Whole workers in processes of their own, each with so many places, on one host of the mock executor whose jobs end at
once; they work off the same jobs, from when all of them are ready until the last has ended. The server and the workers
share the machine's cores: where one worker and its server keep them all busy, a second one can bring little.
"""

import argparse
import os
import subprocess
import sys
import time

from measuring.figure import Figure, options, ratio, show
from measuring.project import project

from container_manager_core import ContainerSpec, JobStatus, Submission

_SPEC = ContainerSpec(image="registry.example/app:1", command=("true",))


def main() -> None:
    """Measure in turn and print the row."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--width", type=int, default=10, help="places of each worker")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        work(given.width)
        return
    jobs, rounds = (60, 1) if given.quick else (given.jobs, given.rounds)
    with project("postgresql"):
        from container_manager.models import ExecutorHost

        ExecutorHost.objects.create(name="mock", executor_type="mock", max_concurrent_jobs=1000)
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers, measured in seconds.items():
                measured.append(worked_off(workers, jobs, given.width))
    one, two = (jobs / min(measured) for measured in seconds.values())
    show(
        Figure(
            what=f"PostgreSQL through Django: two workers of {given.width} places beside one, {jobs} jobs",
            ours=f"{two:.0f} jobs/s",
            beside=f"{one:.0f} jobs/s; {os.cpu_count()} cores for the server and all workers",
            value=ratio(seconds[1], seconds[2]),
            least=1.3,
        )
    )


def worked_off(workers: int, jobs: int, width: int) -> float:
    """The seconds that so many workers took."""
    from container_manager.manager import get_manager

    words = [sys.executable, __file__, "--alone", "--width", str(width)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) for _ in range(workers)]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    get_manager().submit_many([Submission(spec=_SPEC, host="mock")] * jobs)
    began = time.perf_counter()
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    took = time.perf_counter() - began
    for each in started:
        each.communicate()
    if get_manager().store.count().keys() != {(JobStatus.COMPLETED, "mock")}:
        raise SystemExit(f"not all jobs have completed: {get_manager().store.count()}")
    return took


def work(width: int) -> None:
    """One worker, in the process that `worked_off` started: says when it is ready, waits for the word, and says when
    all jobs have ended."""
    import django

    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests", "django"))
    django.setup()
    from container_manager.manager import become_worker

    worker = become_worker().worker(max_jobs=width)
    print("ready", flush=True)
    sys.stdin.readline()
    worker.run(drain=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
