"""Storing the output of jobs: megabytes a second beside raw INSERTs, and the last append beside the first.

    python benchmarks/output.py [--quick] [--rounds N]

Ours: records of a running job, each with the next 4 MiB of its standard output, as a worker stores a long output; each
is a durable transaction that also writes how far the output is taken over. Raw: the same bytes in rows of the same size
in the same table, in as many transactions. Lines of text, not zeros. For the growth of the cost, 2,000 pieces of 10 kB
are appended to one stream, and the last tenth of them is compared with the first.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from measuring.figure import Figure, options, ratio, show
from measuring.moves import WORKER, launched, new_jobs
from measuring.project import project

from container_manager_core import Job
from container_manager_core.clock import SystemClock
from container_manager_core.executor import Stream
from container_manager_core.job import LogPosition
from container_manager_core.store.logs import CHUNK_BYTES
from container_manager_core.store.protocol import Claim, JobStore, Record, RecordOutcome, StoredLog
from container_manager_core.store.sqlite import SqliteStore

_PIECE = 4 * 1024 * 1024
_SMALL = 10_000
_LIMITS = {"PostgreSQL through Django": 40.0, "SQLite": 100.0}
_MOST_GROWTH = 1.5


def text(size: int, number: int) -> bytes:
    """So many bytes of lines that differ."""
    lines = (
        b"2030-01-01T12:00:00Z worker %d: step %d of the job is done, next %d\n" % (number, n, n * 7919)
        for n in range(size)
    )
    found = bytearray()
    while len(found) < size:
        found += next(lines)
    return bytes(found[:size])


def main() -> None:
    """Measure each database."""
    parser = options(__doc__)
    given = parser.parse_args()
    pieces, small = (4, 200) if given.quick else (12, 2000)
    with tempfile.TemporaryDirectory() as folder:
        path, beside = Path(folder) / "jobs.sqlite3", Path(folder) / "raw.sqlite3"
        store = SqliteStore(path, SystemClock())
        measure("SQLite", store, raw_sqlite(beside), pieces, small, given.rounds)
        store.close()
    with project("postgresql") as url:
        import psycopg

        from container_manager.manager import get_manager
        from container_manager.store.rows import CHUNKS

        with psycopg.connect(url) as connection:
            raw = raw_postgres(connection, CHUNKS)
            measure("PostgreSQL through Django", get_manager().store, raw, pieces, small, given.rounds)


def measure(
    database: str, store: JobStore, raw: Callable[[int, list[bytes]], None], pieces: int, small: int, rounds: int
) -> None:
    """Print the rows of one database."""
    store.heartbeat(WORKER, 86_400)
    given = [text(_PIECE, number) for number in range(pieces)]
    ours, other = [], []
    for number in range(rounds + 1):
        sides = (partial(append, store, running(store), given), partial(raw, number, given))
        times = [seconds_of(side) for side in sides]
        if number:  # the first round warms up
            ours.append(times[0])
            other.append(times[1])
    megabytes = pieces * _PIECE / 1e6
    speed, of_raw = (megabytes / statistics.median(times) for times in (ours, other))
    show(
        Figure(
            what=f"{database}: log ingestion in pieces of 4 MiB",
            beside=f"raw INSERTs {of_raw:.0f} MB/s, ratio {ratio(other, ours):.2f}",
            value=speed,
            unit="MB/s",
            least=_LIMITS[database],
        )
    )
    seconds = append(store, running(store), [text(_SMALL, number) for number in range(small)])
    tenth = max(small // 10, 1)
    first, last = statistics.median(seconds[:tenth]), statistics.median(seconds[-tenth:])
    show(
        Figure(
            what=f"{database}: the last of {small} appends of 10 kB to a stream, beside the first",
            ours=f"{1000 * last:.2f} ms",
            beside=f"{1000 * first:.2f} ms",
            value=last / first,
            most=_MOST_GROWTH,
        )
    )


def seconds_of(action: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def running(store: JobStore) -> Job:
    """A job that runs, held by the benchmark."""
    store.add_many(new_jobs(1))
    (job,) = store.claim(Claim(worker=WORKER, limit=1))
    started = launched(job)
    store.record_many([Record(job=started, expect=job.status)])
    return started


def append(store: JobStore, job: Job, pieces: list[bytes]) -> list[float]:
    """Store pieces of output one after the other; the seconds of each."""
    position, seconds = 0, []
    for piece in pieces:
        assert job.execution is not None
        logs = (StoredLog(stream=Stream.STDOUT, offset=position, data=piece),)
        position += len(piece)
        execution = attrs.evolve(job.execution, logs=LogPosition(cursor=str(position), stdout_bytes=position))
        job = attrs.evolve(job, execution=execution)
        began = time.perf_counter()
        outcomes = store.record_many([Record(job=job, expect=job.status, logs=logs)])
        seconds.append(time.perf_counter() - began)
        if set(outcomes) != {RecordOutcome.STORED}:
            raise SystemExit(f"a piece of output was not stored: {outcomes}")
    return seconds


def raw_sqlite(path: Path) -> Callable[[int, list[bytes]], None]:
    """The same bytes into the same table of another file."""
    SqliteStore(path, SystemClock()).installation_id()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")

    def write(number: int, pieces: list[bytes]) -> None:
        start = 0
        for piece in pieces:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO chunks (job, attempt, stream, start, size, data) VALUES (?, 1, 'stdout', ?, ?, ?)",
                [(number, *row) for row in chunks(start, piece)],
            )
            connection.execute("COMMIT")
            start += len(piece)

    return write


def raw_postgres(connection: Any, table: str) -> Callable[[int, list[bytes]], None]:
    """The same bytes into a table of the same form."""
    connection.execute(f"CREATE TABLE raw_chunks (LIKE {table} INCLUDING ALL)")
    connection.commit()

    def write(number: int, pieces: list[bytes]) -> None:
        start = 0
        for piece in pieces:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO raw_chunks (job_id, attempt, stream, start, size, data)"
                    " VALUES (lpad(%s::text, 32, '0')::uuid, 1, 'stdout', %s, %s, %s)",
                    [(number, *row) for row in chunks(start, piece)],
                )
            connection.commit()
            start += len(piece)

    return write


def chunks(start: int, piece: bytes) -> list[tuple[int, int, bytes]]:
    """Position, size and bytes of the rows of a piece, cut as ours are."""
    parts = [piece[at : at + CHUNK_BYTES] for at in range(0, len(piece), CHUNK_BYTES)]
    return [(start + number * CHUNK_BYTES, len(part), part) for number, part in enumerate(parts)]


if __name__ == "__main__":
    main()
