"""Threads for calls to platforms: a few for each host, so that a slow host delays no other."""

import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

Task = Callable[[], None]

IDLE_SECONDS = 10.0


class Lane(StrEnum):
    """What a call is for; each host has a lane of its own for each."""

    LAUNCH = "launch"
    FINISH = "finish"
    STOP = "stop"
    LOOK = "look"


class Lanes(Protocol):
    """Runs tasks, in order of their arrival on each lane."""

    def submit(self, host: str, lane: Lane, task: Task) -> None:
        """Run the task soon. It must not raise."""
        ...


class InlineLanes:
    """Runs each task at once in the caller's thread: for tests on a virtual clock."""

    def submit(self, host: str, lane: Lane, task: Task) -> None:
        task()


class ThreadLanes:
    """Runs tasks in daemon threads, made when there is work and ended after ten idle seconds.

    Args:
        width: threads of one lane of one host, at most. The lane for looks has one.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._lanes: dict[tuple[str, Lane], _ThreadLane] = {}
        self._lock = threading.Lock()

    def submit(self, host: str, lane: Lane, task: Task) -> None:
        with self._lock:
            found = self._lanes.get((host, lane))
            if found is None:
                width = 1 if lane is Lane.LOOK else self._width
                found = self._lanes[host, lane] = _ThreadLane(f"container-manager {host} {lane.value}", width)
        found.submit(task)


class _ThreadLane:
    def __init__(self, name: str, width: int) -> None:
        self._name = name
        self._width = width
        self._tasks: deque[Task] = deque()
        self._condition = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, task: Task) -> None:
        with self._condition:
            self._tasks.append(task)
            if self._idle >= len(self._tasks):
                self._condition.notify()
                return
            if self._threads < self._width:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            task()

    def _next(self) -> Task | None:
        with self._condition:
            self._idle += 1
            arrived = self._condition.wait_for(lambda: bool(self._tasks), timeout=IDLE_SECONDS)
            self._idle -= 1
            if arrived:
                return self._tasks.popleft()
            self._threads -= 1
            return None
