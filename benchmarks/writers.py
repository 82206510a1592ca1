"""Four processes that write to one SQLite store at once: errors, and how long anybody waits.

    python benchmarks/writers.py [--quick] [--seconds N]

Each process, a worker of its own with a heartbeat, goes on adding ten jobs, claiming ten and finishing them, for the
given time, each of these three in a durable transaction of its own. The same is done by one process alone before.
A wait is the time of one call, its own work included.
"""

import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring.figure import Figure, options, percentile, show
from measuring.moves import finished, new_jobs

from container_manager_core.clock import SystemClock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.store.protocol import Claim, Record
from container_manager_core.store.sqlite import SqliteStore

_BATCH = 10
_PROCESSES = 4


def main() -> None:
    """Measure and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    seconds = 3.0 if given.quick else given.seconds
    alone, together = (at_once(number, seconds) for number in (1, _PROCESSES))
    waits = [wait for found in together for wait in found["waits"]]
    lonely = alone[0]["waits"]
    errors = [error for found in together for error in found["errors"]]
    what = f"SQLite, {_PROCESSES} writing processes for {seconds:.0f} s"
    show(
        Figure(
            what=f"{what}: errors",
            ours=f"of {len(waits)} calls {json.dumps(sorted(set(errors))[:2]) if errors else ''}".strip(),
            value=float(len(errors)),
            most=0.0,
        )
    )
    show(
        Figure(
            what=f"{what}: longest call",
            ours=f"p50 {1000 * percentile(waits, 50):.1f} ms, p99 {1000 * percentile(waits, 99):.1f} ms",
            beside=f"one process alone: longest {1000 * max(lonely):.0f} ms",
            value=1000 * max(waits),
            unit="ms",
            most=150.0,
        )
    )


def at_once(processes: int, seconds: float) -> list[dict[str, Any]]:
    """What each of so many processes saw."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        SqliteStore(path, SystemClock()).installation_id()
        begin = context.Barrier(processes)
        answers: Any = context.Queue()
        running = [
            context.Process(target=write, args=(path, f"worker {number}", seconds, begin, answers))
            for number in range(processes)
        ]
        for process in running:
            process.start()
        found = [answers.get(timeout=seconds + 120) for _ in running]
        for process in running:
            process.join()
    return found


def write(path: Path, worker: str, seconds: float, begin: Any, answers: Any) -> None:
    """One process's part: tell the seconds of each call, and the errors."""
    store = SqliteStore(path, SystemClock())
    store.heartbeat(worker, 3600)
    waits: list[float] = []
    errors: list[str] = []

    def timed(call: Any, *words: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*words)
        except StoreUnavailable as error:
            errors.append(str(error))
            return []
        finally:
            waits.append(time.perf_counter() - began)

    begin.wait()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        timed(store.add_many, new_jobs(_BATCH))
        taken = timed(store.claim, Claim(worker=worker, limit=_BATCH))
        timed(store.record_many, [Record(job=finished(job), expect=job.status) for job in taken])
    answers.put({"waits": waits, "errors": errors})


if __name__ == "__main__":
    main()
