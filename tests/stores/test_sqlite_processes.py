"""Several processes on one SQLite file."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from container_manager_core.clock import SystemClock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.executor import Stream
from container_manager_core.job import Job, JobStatus
from container_manager_core.spec import ContainerSpec
from container_manager_core.store import Claim, JobQuery
from container_manager_core.store.sqlite import SqliteStore

WORKER = """
import sys
from datetime import UTC, datetime
from container_manager_core.clock import SystemClock
from container_manager_core.executor import Stream
from container_manager_core.store import Claim, Record, StoredLog
from container_manager_core.store.sqlite import SqliteStore
from container_manager_core.testing.store_kit import StoreKit

path, worker = sys.argv[1:]
store, kit = SqliteStore(path, SystemClock()), StoreKit()
store.heartbeat(worker, 60)
print("ready", flush=True)
sys.stdin.readline()
while jobs := store.claim(Claim(worker=worker, limit=3)):
    now = datetime.now(UTC)
    for job in jobs:
        launching = kit.record(store, kit.launching(job, now))
        running = kit.record(store, kit.running(launching, now))
        log = StoredLog(stream=Stream.STDOUT, offset=0, data=worker.encode())
        kit.record(store, kit.clean(kit.finished(running, now)), logs=(log,))
        print(job.id, flush=True)
store.close()
"""

ENDLESS_WRITER = """
import sys, uuid
from datetime import UTC, datetime
from container_manager_core.clock import SystemClock
from container_manager_core.job import Job
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1], SystemClock())
while True:
    now = datetime.now(UTC)
    jobs = [Job(id=uuid.uuid4(), spec=ContainerSpec(image="alpine"), created_at=now, queued_at=now) for _ in range(10)]
    store.add_many(jobs)
    print(jobs[-1].id, flush=True)
"""


def some_jobs(number: int) -> list[Job]:
    now = datetime.now(UTC)
    spec = ContainerSpec(image="alpine")
    return [Job(id=uuid4(), spec=spec, created_at=now, queued_at=now) for _ in range(number)]


def program(text: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_four_processes_finish_each_job_once(tmp_path: Path) -> None:
    """None of them ever sees that another one holds the file, and each gets its share."""
    path = tmp_path / "jobs.sqlite3"
    store = SqliteStore(path, SystemClock())
    jobs = some_jobs(400)
    store.add_many(jobs)
    workers = [program(WORKER, str(path), f"worker-{number}") for number in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    answers = [None] * 4
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=120) for worker in workers]
    assert [error for _, error in answers] == [""] * 4
    finished = [out.split() for out, _ in answers]
    assert Counter(job_id for share in finished for job_id in share) == Counter(str(job.id) for job in jobs)
    assert min(len(share) for share in finished) > 20, "one of the processes was starved"
    assert store.count() == {(JobStatus.COMPLETED, "host-1"): 400}
    for number, share in enumerate(finished):
        assert store.read_logs(type(jobs[0].id)(share[0]), Stream.STDOUT).data == f"worker-{number}".encode()
    assert {job.epoch for job in store.list(JobQuery(limit=400))} == {1}
    store.close()


def test_a_killed_writer_leaves_a_whole_store(tmp_path: Path) -> None:
    """What it had been told to be stored is there, whole batches only, and others go on."""
    path = tmp_path / "jobs.sqlite3"
    store = SqliteStore(path, SystemClock())
    for pause in (0.0, 0.013, 0.031):
        writer = program(ENDLESS_WRITER, str(path))
        confirmed = writer.stdout.readline().strip()
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        out, _ = writer.communicate()
        for job_id in [confirmed, *(line for line in out.splitlines() if len(line) == 36)]:
            assert list(map(str, store.find(job_id))) == [job_id]
        assert sum(store.count().values()) % 10 == 0
    store.heartbeat("heir", 60)
    assert store.claim(Claim(worker="heir", limit=5))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    store.close()


def test_a_forked_process_uses_connections_of_its_own(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "jobs.sqlite3", SystemClock())
    (job,) = jobs = some_jobs(1)
    store.add_many(jobs)
    token, _ = store.changed(None)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        store.add_many(some_jobs(1))
        os.write(write_end, str(store.get(job.id).id).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read_end, 100).decode() == str(job.id)
    os.close(read_end)
    os.close(write_end)
    assert store.changed(token)[1], "the child's commit is noticed"
    assert sum(store.count().values()) == 2
    store.close()


def test_a_file_that_stays_locked_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Readers go on meanwhile; a writer waits as long as it was told to, and goes on when the lock is gone."""
    path = tmp_path / "jobs.sqlite3"
    store = SqliteStore(path, SystemClock(), wait_seconds=0.2)
    jobs = some_jobs(1)
    store.add_many(jobs)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"database is locked \(for 0 s\); end the program that keeps it locked"):
        store.add_many(some_jobs(1))
    assert 0.2 <= time.monotonic() - started < 30
    assert store.get(jobs[0].id) == jobs[0]
    other.execute("COMMIT")
    other.close()
    store.add_many(some_jobs(1))
    assert sum(store.count().values()) == 2
    store.close()
