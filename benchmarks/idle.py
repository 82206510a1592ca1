"""A worker that has nothing to do: what it costs the database, and how fast it is when something comes.

    python benchmarks/idle.py [--quick] [--seconds N]

An idle worker of the command `process_container_jobs` (for SQLite: of the library) in this process, with one host of
the mock executor and the default settings. PostgreSQL counts the transactions of the whole database by itself; for
SQLite, every statement is traced. From enqueue to claim: from before `submit` until the worker has stored that it
claims the job, which it tells through its hook.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from measuring.figure import Figure, options, percentile, show
from measuring.project import project

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, Job
from container_manager_core.background import BackgroundWorker
from container_manager_core.store.protocol import Claim

_SPEC = ContainerSpec(image="registry.example/app:1", command=("true",))
_SETTLE_SECONDS = 12.0
"""PostgreSQL's servers tell of what they did up to ten seconds later: the worker's start is not to be among it."""


class Claims:
    """Hears of every claim of a store that brought a job, as soon as it is durable.

    Args:
        store: of the worker.
    """

    def __init__(self, store: Any) -> None:
        self._heard: SimpleQueue[float] = SimpleQueue()
        self._claim = store.claim
        store.claim = self._timed

    def _timed(self, claim: Claim) -> Sequence[Job]:
        taken: Sequence[Job] = self._claim(claim)
        if taken:
            self._heard.put(time.perf_counter())
        return taken

    def next(self) -> float:
        """When the next one was; waits for it."""
        return self._heard.get(timeout=60)


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look at an idle worker")
    parser.add_argument("--jobs", type=int, default=200, help="submitted one after the other")
    given = parser.parse_args()
    seconds, jobs = (10.0, 20) if given.quick else (given.seconds, given.jobs)
    on_postgres(seconds, jobs)
    on_sqlite(seconds, jobs)


def on_postgres(seconds: float, jobs: int) -> None:
    """PostgreSQL through Django, in its default configuration."""
    with project("postgresql") as url:
        import psycopg

        from container_manager.manager import get_manager
        from container_manager.models import ExecutorHost

        claims = Claims(get_manager().store)
        ExecutorHost.objects.create(name="mock", executor_type="mock", max_concurrent_jobs=1000)
        with psycopg.connect(url, autocommit=True) as watcher, BackgroundWorker(get_manager().worker()):
            # Its own transactions, many after so many new tables, are not the worker's.
            watcher.execute("ALTER SYSTEM SET autovacuum = off")
            watcher.execute("SELECT pg_reload_conf()")
            time.sleep(_SETTLE_SECONDS)
            before, mine = transactions(watcher), 2
            time.sleep(seconds)
            idle = (transactions(watcher) - before - mine) / seconds
            show(
                Figure(
                    what=f"idle worker on PostgreSQL through Django, over {seconds:.0f} s",
                    value=idle,
                    unit="transactions/s",
                    most=0.5,
                )
            )
            times = latencies(lambda: get_manager().submit(_SPEC, host="mock"), claims, jobs)
        tell("PostgreSQL through Django", times, {50: 5.0, 99: 15.0})


def transactions(connection: Any) -> int:
    """How many the database has seen, as far as its servers have told."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    ((number,),) = connection.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    ).fetchall()
    return int(number)


def on_sqlite(seconds: float, jobs: int) -> None:
    """The core's own store."""
    statements: list[str] = []
    trace(statements)
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            hosts={"mock": Host(name="mock", executor="mock", max_concurrent_jobs=1000)},
        )
        with ContainerManager(config) as manager, ContainerManager(config) as elsewhere:
            claims = Claims(manager.store)
            with BackgroundWorker(manager.worker()):
                time.sleep(_SETTLE_SECONDS)
                statements.clear()
                time.sleep(seconds)
                seen = list(statements)
                told = latencies(lambda: manager.submit(_SPEC, host="mock"), claims, jobs)
                times = latencies(lambda: elsewhere.submit(_SPEC, host="mock"), claims, jobs)
    glances = sum("data_version" in each for each in seen)
    queries = [each for each in seen if not each.startswith(("PRAGMA", "BEGIN", "COMMIT"))]
    show(
        Figure(
            what=f"idle worker on SQLite, over {seconds:.0f} s: queries of tables",
            ours=f"{glances / seconds:.0f} glances/s at data_version, which reads no table",
            value=len(queries) / seconds,
            unit="queries/s",
            most=0.0,
        )
    )
    tell("SQLite by another store, as another process has it", times, {99: 25.0})
    tell("SQLite by the worker's own store", told, {99: 25.0})


def trace(statements: list[str]) -> None:
    """Note every statement that SQLite runs on connections which this process opens from now on."""

    class Traced(sqlite3.Connection):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.set_trace_callback(statements.append)

    sqlite3.connect = partial(sqlite3.connect, factory=Traced)  # type: ignore[assignment]


def latencies(submit: Callable[[], Any], claims: Claims, jobs: int) -> list[float]:
    """Seconds from before each submission to its stored claim."""
    times = []
    for _ in range(jobs + 3):
        began = time.perf_counter()
        submit()
        times.append(claims.next() - began)
        time.sleep(0.15)  # until the mock job is over and the worker idle again
    return times[3:]


def tell(database: str, times: list[float], limits: dict[int, float]) -> None:
    """Print a row for each percentile."""
    for percent, most in limits.items():
        show(
            Figure(
                what=f"enqueue to claim on {database}, idle worker, p{percent}",
                value=1000 * percentile(times, percent),
                unit="ms",
                most=most,
            )
        )


if __name__ == "__main__":
    main()
