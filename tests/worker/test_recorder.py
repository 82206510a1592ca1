"""Many threads record, and whatever has gathered is one transaction."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from container_manager_core import ContainerSpec, Job, LeaseLost, Plugins, StoreUnavailable
from container_manager_core.clock import SystemClock
from container_manager_core.recorder import Recorder
from container_manager_core.store.protocol import Record, RecordOutcome


class SlowStore:
    """Writes each batch once it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[Job]] = []
        self.gate = threading.Semaphore(0)
        self.answer: Callable[[Record], str] = lambda record: RecordOutcome.STORED

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        self.batches.append([record.job for record in records])
        assert self.gate.acquire(timeout=20)
        return [self.answer(record) for record in records]


class Gathering:
    """Threads that record a job each."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.give_up = threading.Event()
        self.recorder = Recorder(self.store, Plugins(), self.give_up)  # type: ignore[arg-type]
        self.threads: list[threading.Thread] = []
        self.results: dict[Any, object] = {}

    def begin(self, number: int = 1) -> list[Job]:
        now = SystemClock().now()
        jobs = [Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now) for _ in range(number)]
        for job in jobs:
            thread = threading.Thread(target=self._record, args=(job,), daemon=True)
            self.threads.append(thread)
            thread.start()
        return jobs

    def _record(self, job: Job) -> None:
        try:
            self.results[job.id] = self.recorder.record(job, job)
        except BaseException as error:
            self.results[job.id] = error

    def begin_behind_another(self, number: int) -> list[Job]:
        """As many as wait together while a job of another thread is being written."""
        self.begin()
        self.wait_for_batches(1)
        jobs = self.begin(number)
        self.wait_for_queue(number)
        return jobs

    def fail(self, jobs: Sequence[Job], error: BaseException) -> None:
        """Have the store fail with whatever batch holds one of these."""

        def answer(record: Record) -> str:
            if record.job in jobs:
                raise error
            return RecordOutcome.STORED

        self.store.answer = answer

    def wait_for_batches(self, number: int) -> None:
        self.wait_until(lambda: len(self.store.batches) == number)

    def wait_for_queue(self, number: int) -> None:
        self.wait_until(lambda: len(self.recorder._queue) == number)

    @staticmethod
    def wait_until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def end(self) -> None:
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


def test_what_comes_while_something_is_written_is_written_together() -> None:
    gathering = Gathering()
    first = gathering.begin()
    gathering.wait_for_batches(1)
    others = gathering.begin(20)
    gathering.wait_for_queue(20)
    gathering.store.gate.release()
    gathering.wait_for_batches(2)
    last = gathering.begin(3)
    gathering.wait_for_queue(3)
    gathering.store.gate.release(2)
    gathering.end()
    assert [len(batch) for batch in gathering.store.batches] == [1, 20, 3]
    assert gathering.results == {job.id: job for job in (*first, *others, *last)}


def test_each_learns_what_became_of_its_own_record() -> None:
    gathering = Gathering()
    lost, stored = gathering.begin_behind_another(2)
    gathering.store.answer = lambda record: RecordOutcome.FENCED if record.job is lost else RecordOutcome.STORED
    gathering.store.gate.release(2)
    gathering.end()
    assert isinstance(gathering.results[lost.id], LeaseLost)
    assert gathering.results[stored.id] is stored


def test_a_record_that_the_store_cannot_write_stops_no_other() -> None:
    gathering = Gathering()
    before, failing, behind = gathering.begin_behind_another(3)
    error = ZeroDivisionError("a fault of the store")
    gathering.fail([failing], error)
    gathering.store.gate.release(5)
    gathering.end()
    assert [len(batch) for batch in gathering.store.batches] == [1, 3, 1, 1, 1]
    assert [gathering.results[job.id] for job in (before, failing, behind)] == [before, error, behind]


@pytest.mark.parametrize("error", [StoreUnavailable("any", "away", "wait"), KeyboardInterrupt()])
def test_what_is_no_record_s_fault_is_everybody_s_at_once(error: BaseException) -> None:
    gathering = Gathering()
    gathering.give_up.set()
    waiting = gathering.begin_behind_another(3)
    gathering.fail(waiting, error)
    gathering.store.gate.release(5)
    gathering.end()
    assert [len(batch) for batch in gathering.store.batches] == [1, 3]
    assert all(gathering.results[job.id] is error for job in waiting)


def test_a_store_that_is_away_is_waited_for() -> None:
    gathering = Gathering()
    answers = iter([StoreUnavailable("any", "away", "wait"), StoreUnavailable("any", "away", "wait")])

    def answer(record: Record) -> str:
        for error in answers:
            raise error
        return RecordOutcome.STORED

    gathering.store.answer = answer
    gathering.store.gate.release(3)
    (job,) = gathering.begin()
    gathering.end()
    assert gathering.results == {job.id: job}
    assert len(gathering.store.batches) == 3


def test_nobody_waits_for_a_thread_that_was_interrupted_while_it_waited() -> None:
    """A signal's exception may come there, in the main thread."""
    gathering = Gathering()
    (first,) = gathering.begin()
    gathering.wait_for_batches(1)
    now = SystemClock().now()
    gone = Job(id=uuid4(), spec=ContainerSpec(image="any"), created_at=now, queued_at=now)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            gathering.recorder.record(gone, gone)
    finally:
        signal.signal(signal.SIGALRM, before)
    rest = gathering.begin(2)
    gathering.wait_for_queue(2)
    gathering.store.gate.release(2)
    gathering.end()
    assert gathering.store.batches[0] == [first]
    assert {job.id for job in gathering.store.batches[1]} == {job.id for job in rest}
    assert all(gathering.results[job.id] is job for job in (first, *rest))
