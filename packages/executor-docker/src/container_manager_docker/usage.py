"""What executions use: read from the machine's control groups, where the engine runs on this machine.

The files cost no engine call, but are gone as soon as the container has ended; so one thread looks at
every running execution before it is a fifth older than at the last look.
"""

import heapq
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from container_manager_core.job import Usage
from container_manager_core.remembering import Recent

CGROUPS = Path("/sys/fs/cgroup")
_FIRST_LOOK_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 10.0
_TOGETHER_SECONDS = (10.0, 5.0, 1.0)
_MOST_BYTES = 16_384
_GROUPS = (
    "docker/{id}",
    "system.slice/docker-{id}.scope",
    "machine.slice/libpod-{id}.scope",
    "libpod_parent/libpod-{id}",
)


class ControlGroups:
    """Reads usage from the control groups of this machine, version 1 or 2.

    Args:
        root: where they are mounted.
    """

    def __init__(self, root: Path = CGROUPS) -> None:
        self._root = root
        self._ways = [partial(read, group) for group in _GROUPS for read in (self._unified, self._split)]

    def read(self, container_id: str) -> Usage | None:
        """The usage so far, or None when this machine has no such container running.

        Where the last container's was found is looked first: it is the same for all of a machine.
        """
        ways = self._ways
        for way in ways:
            usage = way(container_id)
            if usage is not None:
                if way is not ways[0]:
                    self._ways = [way, *(other for other in ways if other is not way)]
                return usage
        return None

    def _unified(self, group: str, container_id: str) -> Usage | None:
        folder = f"{self._root}/{group.format(id=container_id)}"
        fields = dict(line.split() for line in _text(f"{folder}/cpu.stat").splitlines())
        memory = _number(_text(f"{folder}/memory.peak")) or _number(_text(f"{folder}/memory.current"))
        return _usage(memory, _number(fields.get("usage_usec", "")), 1e6)

    def _split(self, group: str, container_id: str) -> Usage | None:
        path = group.format(id=container_id)
        memory = _number(_text(f"{self._root}/memory/{path}/memory.max_usage_in_bytes"))
        cpu = _number(_text(f"{self._root}/cpuacct/{path}/cpuacct.usage"))
        return _usage(memory, cpu, 1e9)


def _text(file: str) -> str:
    """What a short file says; nothing where there is none. A file object would take four times as long."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _MOST_BYTES).decode()
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def _usage(memory: int | None, cpu: int | None, per_second: float) -> Usage | None:
    if not memory and not cpu:
        return None
    return Usage(peak_memory_bytes=memory, cpu_seconds=None if cpu is None else cpu / per_second)


def from_statistics(statistics: Mapping[str, Any]) -> Usage | None:
    """The usage in an engine's answer about a running container, or None when it has ended."""
    memory = statistics.get("memory_stats") or {}
    peak = memory.get("max_usage") or memory.get("usage")
    cpu = ((statistics.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    return _usage(peak, cpu, 1e9) if peak else None


def highest(one: Usage | None, other: Usage | None) -> Usage | None:
    """The larger figure of each."""
    if one is None or other is None:
        return one or other
    return Usage(
        peak_memory_bytes=max(one.peak_memory_bytes or 0, other.peak_memory_bytes or 0) or None,
        cpu_seconds=max(one.cpu_seconds or 0.0, other.cpu_seconds or 0.0) or None,
    )


def _together(due: float, pause: float) -> float:
    """When to look, a little earlier, so that where many run for long they are looked at together.

    Waking up, and beginning anew, costs more than a look.
    """
    interval = next((seconds for seconds in _TOGETHER_SECONDS if seconds <= pause), None)
    return due if interval is None else due // interval * interval


class UsageSampler:
    """Keeps the last usage of each execution, and looks by itself at those that run on this machine.

    Args:
        groups: where to look.
        monotonic: seconds that never go back.
    """

    def __init__(self, groups: ControlGroups | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._groups = groups or ControlGroups()
        self._monotonic = monotonic
        self._samples: Recent[str, Usage] = Recent()
        self._due: list[tuple[float, float, str]] = []
        self._watched: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.is_local = False
        """Whether a control group of the engine's was ever found on this machine."""

    def last(self, execution_id: str) -> Usage | None:
        """The highest figures seen so far."""
        return self._samples.get(execution_id)

    def add(self, execution_id: str, usage: Usage | None) -> None:
        """Take over figures from elsewhere."""
        merged = highest(self._samples.get(execution_id), usage)
        if merged is not None:
            self._samples.put(execution_id, merged)

    def look(self, execution_id: str) -> bool:
        """Look, and go on looking until it ends. False when this machine has no such container."""
        if execution_id in self._watched:
            return True
        if not self._sample(execution_id):
            return False
        with self._changed:
            if execution_id not in self._watched and not self._closed:
                self._watched.add(execution_id)
                now = self._monotonic()
                heapq.heappush(self._due, (now + _FIRST_LOOK_SECONDS, now, execution_id))
                self._start_thread()
                self._changed.notify()
        return True

    def close(self) -> None:
        """End the thread. What was seen stays known."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _sample(self, execution_id: str) -> bool:
        usage = self._groups.read(execution_id)
        if usage is None:
            return False
        self.is_local = True
        if usage != self.last(execution_id):
            self.add(execution_id, usage)
        return True

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="docker-usage", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while due := self._wait():
            running = [(began, execution_id) for began, execution_id in due if self._sample(execution_id)]
            now = self._monotonic()
            with self._changed:
                self._watched.difference_update({each for _, each in due} - {each for _, each in running})
                for began, execution_id in running:
                    pause = min(max((now - began) / 5, _FIRST_LOOK_SECONDS), _LONGEST_PAUSE_SECONDS)
                    heapq.heappush(self._due, (_together(now + pause, pause), began, execution_id))

    def _wait(self) -> list[tuple[float, str]]:
        """The executions that are due, each with when it was first looked at; none at the end."""
        with self._changed:
            while not self._closed:
                now = self._monotonic()
                due = []
                while self._due and self._due[0][0] <= now:
                    due.append(heapq.heappop(self._due)[1:])
                if due:
                    return due
                self._changed.wait(self._due[0][0] - now if self._due else None)
        return []
