"""What goes wrong with a file: each fault names the file and the remedy, and the store goes on when it is over."""

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from container_manager_core.clock import SystemClock
from container_manager_core.errors import ConfigurationError, StoreUnavailable
from container_manager_core.job import Job
from container_manager_core.spec import ContainerSpec
from container_manager_core.store import JobQuery, JobStore, open_store
from container_manager_core.store.memory import MemoryStore
from container_manager_core.store.sqlite import SqliteStore

PREPARE = """
import subprocess, sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from container_manager_core.clock import SystemClock
from container_manager_core.errors import StoreUnavailable
from container_manager_core.job import Job
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.sqlite import SqliteStore

folder = Path(sys.argv[1])
def mount(*words):
    subprocess.run(["mount", *words, str(folder)], check=True)
def jobs(number, text=""):
    now = datetime.now(UTC)
    spec = ContainerSpec(image="alpine", environment={"A": text})
    return [Job(id=uuid.uuid4(), spec=spec, created_at=now, queued_at=now) for _ in range(number)]
"""


def on_a_disk_of_its_own(folder: Path, program: str) -> str:
    """What a program prints that may mount file systems which nobody else sees."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode != 0:
        pytest.fail(f"{' '.join(namespace)} does not work here: run as root, or allow user namespaces")
    command = [*namespace, sys.executable, "-c", PREPARE + textwrap.dedent(program), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def some_job() -> Job:
    now = datetime.now(UTC)
    return Job(id=uuid4(), spec=ContainerSpec(image="alpine"), created_at=now, queued_at=now)


def sqlite_store(path: Path) -> JobStore:
    return SqliteStore(path, SystemClock())


def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    said = on_a_disk_of_its_own(
        tmp_path,
        """
        mount("-t", "tmpfs", "-o", "size=2m", "tmpfs")
        store = SqliteStore(folder / "jobs.sqlite3", SystemClock())
        store.add_many(jobs(1))
        (folder / "ballast").write_bytes(bytes(1_000_000))
        stored = 1
        try:
            while True:
                store.add_many(jobs(10, "x" * 5000))
                stored += 10
        except StoreUnavailable as error:
            print(error)
        assert sum(store.count().values()) == stored, "a part of a batch was stored"
        (folder / "ballast").unlink()
        store.add_many(jobs(10, "x" * 5000))
        assert sum(store.count().values()) == stored + 10
        store.close()
        """,
    )
    assert said == (
        f"the store sqlite:///{tmp_path}/jobs.sqlite3 is not usable: database or disk is full; make room on its disk\n"
    )


def test_a_read_only_disk_is_told_and_survived(tmp_path: Path) -> None:
    said = on_a_disk_of_its_own(
        tmp_path,
        """
        mount("-t", "tmpfs", "-o", "size=4m", "tmpfs")
        store = SqliteStore(folder / "jobs.sqlite3", SystemClock())
        store.add_many(jobs(1))
        store.close()
        mount("-o", "remount,ro")
        store = SqliteStore(folder / "jobs.sqlite3", SystemClock())
        try:
            store.add_many(jobs(1))
        except StoreUnavailable as error:
            print(error)
        mount("-o", "remount,rw")
        store.add_many(jobs(1))
        assert sum(store.count().values()) == 2
        store.close()
        """,
    )
    assert said.startswith(f"the store sqlite:///{tmp_path}/jobs.sqlite3 is not usable: ")
    assert said.endswith("writable\n") or said.endswith("let this user write there\n")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "missing" / "jobs.sqlite3")
    with pytest.raises(StoreUnavailable, match=r"missing/jobs\.sqlite3 .*make its folder"):
        store.list(JobQuery())
    (tmp_path / "missing").mkdir()
    assert store.list(JobQuery()) == []
    store.close()


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes. " * 100)
    store = sqlite_store(path)
    for ask in (lambda: store.list(JobQuery()), lambda: store.add_many([some_job()]), lambda: store.changed(None)):
        with pytest.raises(ConfigurationError, match=r"notes\.txt: it is no SQLite database; name another file"):
            ask()
    assert path.read_text() == "These are notes. " * 100
    store.close()


def test_a_database_of_something_else_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (id)")
    connection.close()
    before = path.read_bytes()
    store = sqlite_store(path)
    with pytest.raises(ConfigurationError, match=r"other\.sqlite3: it is a database of something else"):
        store.add_many([some_job()])
    store.close()
    assert path.read_bytes() == before


def test_a_newer_schema_is_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = sqlite_store(path)
    store.add_many([some_job()])
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = sqlite_store(path)
    with pytest.raises(ConfigurationError, match=r"newer version .*schema 99.*upgrade container-manager-core"):
        store.list(JobQuery())
    store.close()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = sqlite_store(path)
    store.add_many([some_job() for _ in range(200)])
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))
    store = sqlite_store(path)
    with pytest.raises(StoreUnavailable, match=r"malformed; restore it from a copy"):
        store.list(JobQuery())
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path / "jobs.sqlite3")
    store.add_many([some_job()])
    store.close()
    store.close()
    for ask in (lambda: store.list(JobQuery()), lambda: store.changed(None)):
        with pytest.raises(StoreUnavailable, match="it was closed; open it again"):
            ask()


def test_every_write_is_synced_and_shared(tmp_path: Path) -> None:
    """The settings that durability and several processes rest on."""
    store = SqliteStore(tmp_path / "jobs.sqlite3", SystemClock())
    settings = store._database.read(
        lambda connection: [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    )
    assert settings == ["wal", 2]
    store.close()


def test_a_store_is_opened_by_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_store("memory:"), MemoryStore)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for url, relative_to, path in (
        ("sqlite:///here.sqlite3", None, tmp_path / "here.sqlite3"),
        ("sqlite:///there.sqlite3", tmp_path / "sub", tmp_path / "sub" / "there.sqlite3"),
        (f"sqlite:///{tmp_path}/absolute.sqlite3", tmp_path / "sub", tmp_path / "absolute.sqlite3"),
    ):
        store = open_store(url, relative_to=relative_to)
        assert not path.exists(), "nothing is made before the first use"
        store.add_many([some_job()])
        assert path.exists()
        assert store.url == f"sqlite:///{path}"
        store.close()


@pytest.mark.parametrize(
    "url", ["", "sqlite", "sqlite://jobs", "sqlite:///", "postgresql://x/y", "memory", "sqlite:///a\0b"]
)
def test_another_url_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no store; write 'memory:', 'sqlite:///file' or") as caught:
        open_store(url)
    assert repr(url) in str(caught.value)
