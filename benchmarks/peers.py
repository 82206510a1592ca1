"""Named peers beside us: jobs that are in a queue already, claimed and finished.

    python benchmarks/peers.py [--quick] [--rounds N] [--jobs N]

PostgreSQL, one durable server for all: django-tasks-db, procrastinate and django-q2. SQLite, a durable file each: huey.
Each peer's own worker code fetches, runs and finishes tasks that do nothing, in this one process, without a pause.
What each of them stores, and what becomes of a task whose worker dies, is said in `measuring.peers`. Ours are claimed,
moved through the state machine and recorded with their attempt, under a lease and fenced (`measuring.moves`); nothing
is run, as nothing is by the others but a call of a function. All are measured in turn, there and back.

None of these peers has batches from fetch to end: ours in batches of 100 stand beside the others' usual way. Also told,
without a limit: procrastinate with ten jobs at a time, and django-q2 that fetches 100 at once. The connections of the
Django peers stay open (CONN_MAX_AGE None): with Django's default, django-tasks-db would connect anew twice a task.
"""

import importlib.metadata
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from measuring.figure import Figure, options, ratio, show
from measuring.moves import WORKER, new_jobs, work_off
from measuring.peers import Peer
from measuring.project import project

from container_manager_core.clock import SystemClock
from container_manager_core.store.protocol import JobStore
from container_manager_core.store.sqlite import SqliteStore

_LEASE_SECONDS = 86_400.0
_AT_A_TIME = 10
_TARGETS: Mapping[tuple[int, str], float] = {
    (100, "django-tasks-db"): 20.0,
    (100, "procrastinate"): 20.0,
    (1, "django-q2"): 1.5,
    (100, "huey"): 5.0,
}
"""How many times as many jobs as a peer, in batches of so many."""


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="for each of them in a round; in batches ten times that")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    given = parser.parse_args()
    jobs, rounds = (20, 1) if given.quick else (given.jobs, given.rounds)
    databases = {"sqlite": ("SQLite", on_sqlite), "postgresql": ("PostgreSQL", on_postgres)}
    for database in given.database or databases:
        title, opened = databases[database]
        with opened() as (store, peers):
            store.heartbeat(WORKER, _LEASE_SECONDS)
            tell(title, measure(store, peers, jobs, rounds))


@contextmanager
def on_sqlite() -> Iterator[tuple[JobStore, Sequence[Peer]]]:
    """The core's SQLite store, and huey."""
    from measuring.peers.sqlite_huey import Huey

    with tempfile.TemporaryDirectory() as folder, ExitStack() as closed:
        store = closed.enter_context(closing(SqliteStore(Path(folder) / "ours.sqlite3", SystemClock())))
        yield store, [closed.enter_context(closing(Huey(Path(folder) / "huey.sqlite3")))]


@contextmanager
def on_postgres() -> Iterator[tuple[JobStore, Sequence[Peer]]]:
    """The store on PostgreSQL through Django, and the peers in the same database."""
    tasks = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    # Every result is kept, as ours are: django-q2's usual 250 add a SELECT FOR UPDATE of all of them to each task.
    cluster = {
        "name": "benchmark",
        "orm": "default",
        "timeout": 300,
        "retry": 600,
        "save_limit": 0,
        "log_level": "ERROR",
    }
    with project("postgresql", apps=("django_q", "django_tasks_db"), TASKS=tasks, Q_CLUSTER=cluster) as url:
        from django.db import connections
        from measuring.peers.procrastination import Procrastinate
        from measuring.peers.q2 import Q2
        from measuring.peers.tasks_db import TasksDb

        from container_manager.manager import get_manager

        connections.settings["default"]["CONN_MAX_AGE"] = None
        with ExitStack() as closed:
            asynchronous = [closed.enter_context(closing(Procrastinate(url, width))) for width in (1, _AT_A_TIME)]
            yield get_manager().store, [TasksDb(), *asynchronous, Q2(), Q2(bulk=100)]


def measure(store: JobStore, peers: Sequence[Peer], jobs: int, rounds: int) -> Mapping[str | int, list[float]]:
    """Seconds for a job by the peer's name, and ours by the size of the batches; the first round warms up."""
    times: dict[str | int, list[float]] = {}
    sides: dict[str | int, Callable[[], float]] = {
        100: lambda: of_ours(store, 100, 10 * jobs),
        1: lambda: of_ours(store, 1, jobs),
        **{peer.name: partial(of_peer, peer, jobs) for peer in peers},
    }
    for number in range(rounds + 1):
        for name, action in sides.items() if number % 2 else reversed(sides.items()):
            taken = action()
            if number:
                times.setdefault(name, []).append(taken)
    return times


def of_ours(store: JobStore, batch: int, jobs: int) -> float:
    """Seconds for a job of ours."""
    store.add_many(new_jobs(jobs))
    began = time.perf_counter()
    done = work_off(store, batch)
    took = time.perf_counter() - began
    if done != jobs:
        raise SystemExit(f"{done} of {jobs} jobs were worked off")
    return took / jobs


def of_peer(peer: Peer, jobs: int) -> float:
    """Seconds for a task of a peer's."""
    before = peer.finished()
    peer.add(jobs)
    began = time.perf_counter()
    peer.work_off()
    took = time.perf_counter() - began
    done = peer.finished() - before
    if done != jobs:
        raise SystemExit(f"{peer.name} finished {done} of {jobs} tasks")
    return took / jobs


def tell(database: str, times: Mapping[str | int, list[float]]) -> None:
    """Print a row for each peer, beside our batches and beside our one at a time."""
    for batch, ours in times.items():
        if not isinstance(batch, int):
            continue
        for name, theirs in times.items():
            if not isinstance(name, str):
                continue
            version = importlib.metadata.version(name.split()[0])
            how = f"in batches of {batch}" if batch > 1 else "one at a time"
            show(
                Figure(
                    what=f"{database}: claim and finish {how}, times as many as {name} ({version})",
                    ours=f"{statistics.median(ours) * 1e6:.0f} us a job",
                    beside=f"{statistics.median(theirs) * 1e6:.0f} us a job",
                    value=ratio(theirs, ours),
                    least=_TARGETS.get((batch, name)),
                )
            )


if __name__ == "__main__":
    main()
