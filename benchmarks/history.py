"""A claim behind a long history: 1,000,000 finished and 100,000 ready jobs, against an empty one.

    python benchmarks/history.py [--quick] [--finished N] [--ready N]

Per kind of database two of them: one with a few ready jobs and nothing else, and one with the history, written into the
tables with SQL alone (`measuring.history`). Both claim in turn, some claims each, jobs that nobody has claimed yet;
between two claims nothing is written. Also told: claims of 100.
"""

import statistics
import time

from measuring.figure import Figure, options, ratio, show
from measuring.history import on_postgres, on_sqlite
from measuring.moves import WORKER

from container_manager_core.store.protocol import Claim, JobStore

_FEW = 2500
_CLAIMS = {1: (10, 20), 100: (5, 2)}
"""By number of jobs: how many turns of how many claims."""


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--ready", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    given = parser.parse_args()
    finished_jobs, ready_jobs = (20_000, 5_000) if given.quick else (given.finished, given.ready)
    histories = {
        "empty": {"pending": _FEW},
        "long": {"completed": finished_jobs, "pending": ready_jobs},
    }
    databases = {"sqlite": ("SQLite", on_sqlite), "postgresql": ("PostgreSQL through Django", on_postgres)}
    for name in given.database or databases:
        title, opened = databases[name]
        with opened(histories) as stores:
            compare(title, stores["empty"], stores["long"], f"{finished_jobs:,} finished and {ready_jobs:,} ready")


def compare(database: str, empty: JobStore, long: JobStore, history: str) -> None:
    """Claim from both in turn, and print the rows."""
    for limit, (turns, claims) in _CLAIMS.items():
        short_times: list[float] = []
        long_times: list[float] = []
        for turn in range(turns + 1):
            for store, times in ((empty, short_times), (long, long_times)):
                taken = [claimed(store, limit) for _ in range(claims)]
                if turn:  # the first one warms up
                    times += taken
        median = 1000 * statistics.median(long_times)
        how = "a claim of one job" if limit == 1 else f"a claim of {limit} jobs"
        what = f"{database}: {how} with {history}"
        limits = (1.5, 1.0) if limit == 1 else (None, None)
        show(
            Figure(
                what=f"{what}, beside an empty history",
                ours=f"{median:.2f} ms",
                beside=f"{1000 * statistics.median(short_times):.2f} ms",
                value=ratio(long_times, short_times),
                most=limits[0],
            )
        )
        show(Figure(what=what, value=median, unit="ms", most=limits[1]))


def claimed(store: JobStore, limit: int) -> float:
    """Seconds of a claim of so many."""
    began = time.perf_counter()
    taken = store.claim(Claim(worker=WORKER, limit=limit))
    took = time.perf_counter() - began
    if len(taken) != limit:
        raise SystemExit(f"a claim of {limit} brought {len(taken)}")
    return took


if __name__ == "__main__":
    main()
