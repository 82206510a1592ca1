"""Claiming and finishing jobs in a store, in batches of 100 and one at a time, beside raw SQL.

    python benchmarks/stores.py [--quick] [--rounds N] [--profile BATCH]

Ours: `claim`, then the state machine's moves launching, running and completed on each `Job`, then `record_many`. Raw
SQL makes the same durable changes (the same tables, columns and indexes, as many transactions) without values, state
machine, leases or fencing: see `measuring.raw_postgres` and `measuring.raw_sqlite`. Both sides are measured in turn.
"""

import cProfile
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from measuring import raw_postgres, raw_sqlite
from measuring.figure import Figure, options, ratio, show
from measuring.moves import WORKER, finished, new_jobs, work_off
from measuring.project import project

from container_manager_core.clock import SystemClock
from container_manager_core.serialising import to_json
from container_manager_core.store.facts import facts_to_json
from container_manager_core.store.protocol import JobStore
from container_manager_core.store.sqlite import SqliteStore

_LEASE_SECONDS = 86_400.0


class Raw(Protocol):
    """A program that does the same in raw SQL."""

    name: str

    def add(self, ids: list[UUID]) -> None:
        """Add these jobs, which our store has just got."""
        ...

    def work_off(self, batch: int, texts: tuple[str, str]) -> int:
        """Claim and finish all of them."""
        ...


def seconds(action: Callable[[], int], jobs: int) -> float:
    """For one job of an action that has to work off so many."""
    began = time.perf_counter()
    done = action()
    took = time.perf_counter() - began
    if done != jobs:
        raise SystemExit(f"{done} of {jobs} jobs were worked off")
    return took / jobs


def texts() -> tuple[str, str]:
    """What ours stores of a finished job as JSON."""
    (job,) = new_jobs(1)
    ended = finished(job)
    return facts_to_json(ended, ended=True), to_json(ended.execution)


def compare(store: JobStore, raws: Sequence[Raw], batch: int, jobs: int, rounds: int) -> dict[str, list[float]]:
    """Seconds for a job on each side, by its name; ours is ``""``."""
    times: dict[str, list[float]] = {name: [] for name in ("", *(raw.name for raw in raws))}
    given = texts()
    for number in range(rounds + 1):
        added = new_jobs(jobs)
        store.add_many(added)
        for raw in raws:
            raw.add([job.id for job in added])
        sides: list[tuple[str, Callable[[], int]]] = [("", lambda: work_off(store, batch))]
        sides += [(raw.name, lambda raw=raw: raw.work_off(batch, given)) for raw in raws]
        for name, action in sides if number % 2 else reversed(sides):
            taken = seconds(action, jobs)
            if number:  # the first round warms up
                times[name].append(taken)
    return times


def tell(database: str, batch: int, times: dict[str, list[float]], least: Sequence[float | None]) -> None:
    """Print a row for each raw program."""
    ours = times.pop("")
    how = f"in batches of {batch}" if batch > 1 else "one at a time"
    for (name, raw), limit in zip(times.items(), least, strict=True):
        show(
            Figure(
                what=f"{database}: claim and finish {how}, beside {name}",
                ours=f"{statistics.median(ours) * 1e6:.0f} us a job",
                beside=f"{statistics.median(raw) * 1e6:.0f} us a job",
                value=ratio(raw, ours),
                least=limit,
            )
        )


@contextmanager
def on_sqlite() -> Iterator[tuple[JobStore, Sequence[Raw]]]:
    """The core's SQLite store and its raw program, each on a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ours, other = Path(folder) / "ours.sqlite3", Path(folder) / "raw.sqlite3"
        store = SqliteStore(ours, SystemClock())
        for path in (ours, other):
            SqliteStore(path, SystemClock()).installation_id()
        raw = raw_sqlite.SameTables(other, ours)
        yield store, [raw]
        raw.close()
        store.close()


@contextmanager
def on_postgres() -> Iterator[tuple[JobStore, Sequence[Raw]]]:
    """The store on PostgreSQL through Django, and the raw programs on tables beside its own."""
    with project("postgresql") as url:
        import psycopg

        from container_manager.manager import get_manager
        from container_manager.store import rows

        with psycopg.connect(url, autocommit=True) as connection:
            same = raw_postgres.SameTables(connection, rows.JOBS, rows.EXECUTIONS)
            yield get_manager().store, [same, raw_postgres.LeanTable(connection)]


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=3000, help="for each measurement in batches; a tenth one by one")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--profile", type=int, help="profile ours in batches of so many instead")
    given = parser.parse_args()
    jobs = 300 if given.quick else given.jobs
    databases: dict[str, Any] = {
        "sqlite": ("SQLite", on_sqlite, {100: (0.35,), 1: (0.6,)}),
        "postgresql": ("PostgreSQL through Django", on_postgres, {100: (0.4, 0.4), 1: (0.65, 0.65)}),
    }
    for database in given.database or databases:
        title, opened, limits = databases[database]
        with opened() as (store, raws):
            store.heartbeat(WORKER, _LEASE_SECONDS)
            if given.profile:
                profile(store, given.profile, jobs)
                continue
            for batch, least in limits.items():
                number = jobs if batch > 1 else max(50, jobs // 10)
                tell(title, batch, compare(store, raws, batch, number, given.rounds), least)


def profile(store: JobStore, batch: int, jobs: int) -> None:
    """Print where the time goes."""
    for _ in range(2):
        store.add_many(new_jobs(jobs))
        profiler = cProfile.Profile()
        profiler.runcall(work_off, store, batch)
    pstats.Stats(profiler).sort_stats(os.environ.get("SORT", "tottime")).print_stats(32)


if __name__ == "__main__":
    main()
