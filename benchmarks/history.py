"""A claim behind a long history: 1,000,000 finished and 100,000 ready jobs, against an empty one.

    python benchmarks/history.py [--quick] [--finished N] [--ready N]

Per database: the time of claims of one job with a few ready jobs and nothing else; then the history is written into
the tables with SQL alone, as copies of one finished and one ready job (`measuring.history`); then the time of claims
again. On PostgreSQL the tables are vacuumed and analysed first, as autovacuum has done on a server that has lived that
long. Each measured claim takes other jobs; between two claims nothing is written. Also told: claims of 100.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring.figure import Figure, options, show
from measuring.history import fill_postgres, fill_sqlite
from measuring.moves import WORKER, finished, new_jobs
from measuring.project import project

from container_manager_core.clock import SystemClock
from container_manager_core.store.protocol import Claim, JobStore, Record
from container_manager_core.store.sqlite import SqliteStore

_FEW = 2500
_CLAIMS = {1: 200, 100: 10}


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument("--ready", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    given = parser.parse_args()
    sizes = (20_000, 5_000) if given.quick else (given.finished, given.ready)
    wanted = given.database or ["sqlite", "postgresql"]
    if "sqlite" in wanted:
        on_sqlite(*sizes)
    if "postgresql" in wanted:
        on_postgres(*sizes)


def on_sqlite(finished_jobs: int, ready_jobs: int) -> None:
    """The core's own store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        store = SqliteStore(path, SystemClock())

        def fill() -> None:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA cache_size = -524288")
                for status, number in (("completed", finished_jobs), ("pending", ready_jobs)):
                    fill_sqlite(connection, status, number)
            connection.close()

        compare("SQLite", store, fill, finished_jobs, ready_jobs)
        store.close()


def on_postgres(finished_jobs: int, ready_jobs: int) -> None:
    """PostgreSQL through Django."""
    with project("postgresql") as url:
        import psycopg

        from container_manager.manager import get_manager
        from container_manager.store.rows import EXECUTIONS, JOBS

        with psycopg.connect(url, autocommit=True) as connection:

            def fill() -> None:
                for status, number in (("completed", finished_jobs), ("pending", ready_jobs)):
                    fill_postgres(connection, JOBS, EXECUTIONS, status, number)
                connection.execute(f"VACUUM ANALYZE {JOBS}, {EXECUTIONS}")

            connection.execute(f"VACUUM ANALYZE {JOBS}")
            compare("PostgreSQL through Django", get_manager().store, fill, finished_jobs, ready_jobs)


def compare(database: str, store: JobStore, fill: Callable[[], None], finished_jobs: int, ready_jobs: int) -> None:
    """Claim before and after, and print the rows."""
    store.heartbeat(WORKER, 86_400)
    store.add_many(new_jobs(1))
    store.record_many([Record(job=finished(job)) for job in store.claim(Claim(worker=WORKER, limit=1))])
    store.add_many(new_jobs(_FEW))
    before = {limit: claims(store, limit) for limit in _CLAIMS}
    began = time.perf_counter()
    fill()
    filled = time.perf_counter() - began
    for limit, times in before.items():
        after = claims(store, limit)
        short, long = statistics.median(times), statistics.median(after)
        how = "a claim of one job" if limit == 1 else f"a claim of {limit} jobs"
        what = f"{database}: {how} with {finished_jobs:,} finished and {ready_jobs:,} ready"
        limits = (1.5, 1.0) if limit == 1 else (None, None)
        show(
            Figure(
                what=f"{what}, beside an empty history",
                ours=f"{1000 * long:.2f} ms",
                beside=f"{1000 * short:.2f} ms (filled in {filled:.0f} s)",
                value=long / short,
                most=limits[0],
            )
        )
        show(Figure(what=what, value=1000 * long, unit="ms", most=limits[1]))


def claims(store: JobStore, limit: int) -> list[float]:
    """Seconds of claims of so many, after two that warm up."""
    times = []
    for _ in range(_CLAIMS[limit] + 2):
        began = time.perf_counter()
        taken = store.claim(Claim(worker=WORKER, limit=limit))
        times.append(time.perf_counter() - began)
        if len(taken) != limit:
            raise SystemExit(f"a claim of {limit} brought {len(taken)}")
    return times[2:]


if __name__ == "__main__":
    main()
