"""All the jobs in a worker's hands: by id, by execution, and by their next deadline."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from container_manager_core.clock import Clock
from container_manager_core.held import Held
from container_manager_core.job import JobStatus
from container_manager_core.remembering import Recent

EARLY_EVENTS = 4096


class Hand:
    """Jobs under one worker's lease. Used by the worker's loop alone.

    Args:
        clock: where the time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[UUID, Held] = {}
        self._by_execution: dict[tuple[str, str], UUID] = {}
        self._ended_early: Recent[tuple[str, str], bool] = Recent(EARLY_EVENTS)
        self._deadlines: list[tuple[float, UUID, int]] = []

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    def get(self, job_id: UUID) -> Held | None:
        """The job of that id, if it is here."""
        return self._held.get(job_id)

    def has(self, held: Held) -> bool:
        """Whether it is still here; not so once it was dropped, or claimed anew after a lost lease."""
        return self._held.get(held.job.id) is held

    def keep(self, held: Held) -> None:
        """Take a job into the hand."""
        self._held[held.job.id] = held
        self.note_move(held)

    def drop(self, held: Held) -> None:
        """Let go of a job; one that was claimed anew meanwhile stays."""
        if not self.has(held):
            return
        del self._held[held.job.id]
        if held.execution_id is not None:
            self._by_execution.pop((held.host, held.execution_id), None)

    def note_move(self, held: Held) -> None:
        """The job has a new status: its execution may be known now, its deadline another."""
        if held.execution_id is not None:
            key = (held.host, held.execution_id)
            self._by_execution[key] = held.job.id
            if key in self._ended_early:
                held.ended = True
        due = held.deadline
        if due is not None:
            left = (due - self._clock.now()).total_seconds()
            heapq.heappush(self._deadlines, (self._clock.monotonic() + left, held.job.id, held.job.attempt))

    def find(self, host: str, execution_id: str) -> Held | None:
        """The job of an execution, if it is here."""
        job_id = self._by_execution.get((host, execution_id))
        return self._held.get(job_id) if job_id is not None else None

    def note_end(self, host: str, execution_id: str) -> None:
        """An execution has ended; it may be one whose launch has not returned yet."""
        held = self.find(host, execution_id)
        if held is None:
            self._ended_early.put((host, execution_id), True)
        else:
            held.ended = True

    def working(self, is_usable: Callable[[str], bool]) -> int:
        """How many take up one of the worker's places.

        A job on a host that does not answer takes up none: it would keep jobs from the other hosts.
        """
        working = Counter(held.host for held in self._held.values() if held.works)
        return sum(count for host, count in working.items() if is_usable(host))

    def running_on(self, host: str) -> list[str]:
        """The ids of the executions that run on a host."""
        return [
            held.execution_id
            for held in self._held.values()
            if held.host == host and held.job.status is JobStatus.RUNNING and held.execution_id
        ]

    def hosts(self) -> Iterable[str]:
        """Where something runs."""
        return {held.host for held in self._held.values() if held.job.status is JobStatus.RUNNING}

    def seconds_to_deadline(self) -> float:
        """Until the nearest deadline; infinite without one."""
        return self._deadlines[0][0] - self._clock.monotonic() if self._deadlines else float("inf")

    def overdue(self) -> list[Held]:
        """The jobs whose deadline has come, each once."""
        found = []
        while self.seconds_to_deadline() <= 0:
            _, job_id, attempt = heapq.heappop(self._deadlines)
            held = self._held.get(job_id)
            if held is None or held.job.attempt != attempt or not held.works or held.ended:
                continue
            due = held.deadline
            if due is None:
                continue
            if due <= self._clock.now():
                found.append(held)
            else:
                self.note_move(held)
        return found
