"""The store is locked, read-only or full while containers run: the worker goes on, and every job ends right."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager
from support.endings import (
    assert_completed,
    assert_whole_output,
    left_over,
    numbered,
    wait_until_ended,
    wait_until_running,
)
from support.engine import Engine
from support.starts import StartCounter
from support.workers import Workers

CONFIGURATION = """
store = "sqlite:///disk/jobs.sqlite3"
[worker]
max_concurrent_jobs = 6
poll_interval_seconds = 0.5
lease_seconds = {lease_seconds}
[hosts.engine]
executor = "docker"
max_concurrent_jobs = 6
config = {{ base_url = "{base_url}" }}
"""
JOBS = 12


class Scene:
    """A worker process over a real engine, whose store is about to fail."""

    def __init__(self, engine: Engine, folder: Path, manager: ContainerManager, workers: Workers) -> None:
        self.engine = engine
        self.folder = folder
        self.disk = folder / "disk"
        self.manager = manager
        self.workers = workers

    @property
    def log(self) -> str:
        return (self.folder / "workers.log").read_text()

    def survives(self, fault: Callable[[Path], None]) -> None:
        """Some jobs run, some wait; then comes the fault, which returns when it is over."""
        installation_id = self.manager.store.installation_id()
        with StartCounter(self.engine, installation_id) as starts:
            jobs = [self.manager.submit(numbered(self.engine.image, number, 2)).id for number in range(JOBS)]
            worker = self.workers.start()
            wait_until_running(self.manager, 6, seconds=30)
            fault(self.disk)
            wait_until_ended(self.manager, seconds=60)
            assert worker.poll() is None, f"the worker has ended:\n{self.log}"
            assert_completed(self.manager, jobs)
            assert_whole_output(self.manager, jobs)
            assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
            assert starts.most_running <= 6
            assert left_over(self.engine, installation_id) == []


@contextmanager
def scene(engine: Engine, folder: Path, lease_seconds: float = 5) -> Iterator[Scene]:
    (folder / "disk").mkdir(exist_ok=True)
    path = folder / "container-manager.toml"
    path.write_text(CONFIGURATION.format(base_url=engine.base_url, lease_seconds=lease_seconds))
    with ContainerManager(Config.load(path)) as manager, Workers(path, folder / "workers.log") as workers:
        yield Scene(engine, folder, manager, workers)


@pytest.mark.parametrize("mode", ["EXCLUSIVE"])
def test_a_store_that_is_locked_for_ten_seconds(engine: Engine, tmp_path: Path, mode: str) -> None:
    def lock(disk: Path) -> None:
        with closing(sqlite3.connect(disk / "jobs.sqlite3", isolation_level=None, timeout=10)) as connection:
            connection.execute(f"BEGIN {mode}")
            time.sleep(10)
            connection.execute("ROLLBACK")

    with scene(engine, tmp_path) as opened:
        opened.survives(lock)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of 8 MiB. Only root may mount one."""
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.fail("a small file system cannot be mounted here: run as root", pytrace=False)
    mount(folder, "-t", "tmpfs", "-o", "size=8m", "tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def mount(folder: Path, *words: str) -> None:
    subprocess.run(["mount", *words, str(folder)], check=True)


def test_a_disk_that_is_full(engine: Engine, tmp_path: Path) -> None:
    def fill(disk: Path) -> None:
        with pytest.raises(OSError, match="No space left"), (disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        time.sleep(6)
        (disk / "ballast").unlink()

    with small_disk(tmp_path / "disk"), scene(engine, tmp_path) as opened:
        opened.survives(fill)
        assert "store.unavailable" in opened.log
        assert "make room on its disk" in opened.log


def test_a_disk_that_is_read_only_when_a_worker_comes(engine: Engine, tmp_path: Path) -> None:
    """A kernel lets nobody make a disk read-only while a file on it is open for writing, so the worker is a new one."""
    with small_disk(tmp_path / "disk") as disk:
        with scene(engine, tmp_path) as opened:
            jobs = [opened.manager.submit(numbered(engine.image, number, 2)).id for number in range(JOBS)]
            installation_id = opened.manager.store.installation_id()
            starts = StartCounter(engine, installation_id)
            opened.workers.start()
            wait_until_running(opened.manager, 6, seconds=30)
            opened.manager.close()  # before the worker dies: whoever closes the store last tidies it up
        with starts:
            mount(disk, "-o", "remount,ro")
            with scene(engine, tmp_path) as opened:
                worker = opened.workers.start()
                time.sleep(6)
                assert worker.poll() is None, f"the worker has ended:\n{opened.log}"
                assert "store.unavailable" in opened.log
                assert "make the file, its folder and its disk writable" in opened.log
                mount(disk, "-o", "remount,rw")
                wait_until_ended(opened.manager, seconds=60)
                assert_completed(opened.manager, jobs)
                assert_whole_output(opened.manager, jobs)
                assert starts.by_name == {f"cm-{job_id}-1": 1 for job_id in jobs}
        assert left_over(engine, installation_id) == []
