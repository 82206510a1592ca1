"""Looking at what containers use, in this machine's control groups."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container_manager_core.job import Usage
from container_manager_docker.usage import ControlGroups, UsageSampler

MEMORY, CPU = "memory.max_usage_in_bytes", "cpuacct.usage"


class Machine:
    """Control groups of version 1 in a folder, and how often each container's were read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.groups = ControlGroups(root)
        self.reads: list[str] = []
        read = self.groups.read

        def counted(container_id: str) -> Usage | None:
            self.reads.append(container_id)
            return read(container_id)

        self.groups.read = counted  # type: ignore[method-assign]

    def run(self, container_id: str, memory: int = 1000, nanoseconds: int = 10**9) -> None:
        for controller, file, number in (("memory", MEMORY, memory), ("cpuacct", CPU, nanoseconds)):
            folder = self.root / controller / "docker" / container_id
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(f"{number}\n")

    def end(self, container_id: str) -> None:
        for controller, file in (("memory", MEMORY), ("cpuacct", CPU)):
            folder = self.root / controller / "docker" / container_id
            (folder / file).unlink()
            folder.rmdir()


class Seconds:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def sampler(machine: Machine, clock: Seconds) -> Iterator[UsageSampler]:
    sampler = UsageSampler(machine.groups, clock)
    yield sampler
    sampler.close()


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def pass_time(sampler: UsageSampler, clock: Seconds, to: float) -> None:
    """Set the clock, and wait until the thread has looked at all that is due by then."""
    clock.now = to
    with sampler._changed:
        sampler._changed.notify()
    until(lambda: all(due > to for due, *_ in list(sampler._due)) and len(sampler._due) == len(sampler._watched))


def test_the_highest_figures_are_kept_after_the_end(sampler: UsageSampler, machine: Machine, clock: Seconds) -> None:
    machine.run("one", memory=5000, nanoseconds=2 * 10**9)
    assert sampler.look("one")
    machine.run("one", memory=4000, nanoseconds=3 * 10**9)
    pass_time(sampler, clock, clock.now + 0.1)
    machine.end("one")
    pass_time(sampler, clock, clock.now + 0.1)
    assert sampler.last("one") == Usage(peak_memory_bytes=5000, cpu_seconds=3.0)
    looks = len(machine.reads)
    pass_time(sampler, clock, clock.now + 60)
    assert len(machine.reads) == looks


def test_a_container_is_looked_at_before_it_is_a_fifth_older(
    sampler: UsageSampler, machine: Machine, clock: Seconds
) -> None:
    machine.run("one")
    sampler.look("one")
    began = looked = clock.now
    while clock.now < began + 120:
        seen = len(machine.reads)
        pass_time(sampler, clock, clock.now + 0.05)
        if len(machine.reads) > seen:
            assert clock.now - looked <= max(0.05, min((looked - began) / 5, 10.0)) + 0.0501
            looked = clock.now
    assert 35 <= len(machine.reads) <= 60


@pytest.mark.parametrize(("age", "together"), [(60, 10), (32, 5)])
def test_those_that_run_for_long_are_looked_at_together(
    sampler: UsageSampler, machine: Machine, clock: Seconds, age: int, together: int
) -> None:
    names = [f"c{number}" for number in range(20)]
    for name in names:
        machine.run(name)
        sampler.look(name)
        pass_time(sampler, clock, clock.now + 0.37)
    for _ in range(age * 5):
        pass_time(sampler, clock, clock.now + 0.2)
    machine.reads.clear()
    began, times = clock.now, set[float]()
    while clock.now < began + 3 * together:
        seen = len(machine.reads)
        pass_time(sampler, clock, clock.now + 0.1)
        if len(machine.reads) > seen:
            times.add(clock.now)
    assert len(times) == 3
    assert sorted(machine.reads) == sorted(names * 3)


def test_what_another_machine_runs_is_not_watched(sampler: UsageSampler) -> None:
    assert not sampler.look("elsewhere")
    assert not sampler.is_local


def test_it_ends_at_once_while_it_waits(machine: Machine) -> None:
    machine.run("one")
    sampler = UsageSampler(machine.groups)
    sampler.look("one")
    sampler.close()
    assert not [thread for thread in threading.enumerate() if thread is sampler._thread and thread.is_alive()]
