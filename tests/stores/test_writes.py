"""Hearing of writes: at once, from any process, and not for each of many."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from container_manager_core import ContainerSpec, Job
from container_manager_core.clock import SystemClock
from container_manager_core.store.sqlite import SqliteStore
from container_manager_core.store.writes import Writes

_OTHER_PROCESS = "import sys; open(sys.argv[1], 'ab', 0).write(b'more')"


class Heard:
    """Counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._more = threading.Condition()

    def __call__(self) -> None:
        with self._more:
            self.calls += 1
            self._more.notify_all()

    def wait_for(self, calls: int) -> bool:
        """Whether so many come, sooner or later."""
        with self._more:
            return self._more.wait_for(lambda: self.calls >= calls, 30)


def wait_until(happens: Callable[[], bool]) -> None:
    """Fails where it does not, however long one waits."""
    deadline = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def writes(file: Path, heard: Heard) -> Iterator[Writes]:
    listening = Writes(file)
    end = listening.tell(heard)
    assert listening.are_heard
    yield listening
    end()
    assert not listening.are_heard, "nobody is left to be called"


def test_a_write_of_another_process_is_heard(writes: Writes, file: Path, heard: Heard) -> None:
    subprocess.run([sys.executable, "-c", _OTHER_PROCESS, str(file)], check=True)
    assert heard.wait_for(1)


def test_many_writes_are_few_calls_and_what_comes_after_them_is_heard_too(
    writes: Writes, file: Path, heard: Heard
) -> None:
    with file.open("ab", 0) as opened:
        for _ in range(5000):
            opened.write(b"x")
        assert heard.wait_for(1)
        calls = -1
        while calls != heard.calls:
            calls = heard.calls
            time.sleep(0.2)
        assert calls < 2500
        opened.write(b"last")
        assert heard.wait_for(calls + 1)


def test_what_is_not_there_is_not_heard(tmp_path: Path, heard: Heard) -> None:
    listening = Writes(tmp_path / "nothing")
    end = listening.tell(heard)
    assert not listening.are_heard
    listening.announce()
    assert heard.calls == 1, "what this process does is told all the same"
    end()


def test_a_file_that_is_removed_is_heard_no_more(writes: Writes, file: Path) -> None:
    file.unlink()
    wait_until(lambda: not writes.are_heard)


def test_it_can_begin_again(writes: Writes, file: Path, heard: Heard) -> None:
    writes.stop()
    end = writes.tell(heard)
    file.write_bytes(b"more")
    assert heard.wait_for(1)
    end()


def test_it_goes_on_for_those_who_stay(writes: Writes, file: Path, heard: Heard) -> None:
    other = Heard()
    end = writes.tell(other)
    end()
    file.write_bytes(b"more")
    assert heard.wait_for(1)
    assert other.calls == 0


def test_a_store_is_looked_at_seldom_while_it_hears_nothing(tmp_path: Path, heard: Heard) -> None:
    store = SqliteStore(tmp_path / "jobs.sqlite3", SystemClock())
    elsewhere = SqliteStore(tmp_path / "jobs.sqlite3", SystemClock())
    often = store.glance_seconds
    end = store.on_change(heard)
    wait_until(lambda: store.glance_seconds > often)
    now = SystemClock().now()

    def write() -> None:
        elsewhere.add_many([Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now)])

    wait_until(lambda: write() is None and store.glance_seconds == often)
    assert heard.wait_for(1)
    wait_until(lambda: store.glance_seconds > often)
    end()
    assert store.glance_seconds == often
    for each in (store, elsewhere):
        each.close()
