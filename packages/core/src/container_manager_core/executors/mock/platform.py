"""The mock platform: executions in memory, whose state follows from the clock."""

import heapq
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from container_manager_core.clock import Clock, SystemClock, VirtualClock
from container_manager_core.errors import CapacityError, PermanentError, TransientError
from container_manager_core.executors.mock.faults import Call, Fault, Faults, ScriptedFaults
from container_manager_core.executors.mock.outcome import Outcome, Output
from container_manager_core.failure import Failure, FailureKind

if TYPE_CHECKING:
    from container_manager_core.executor import ExecutionRequest, ExecutionState

_KILLED = 137
_POLL_SECONDS = 0.01


@attrs.define(eq=False)
class MockExecution:
    """One execution. Its times are in seconds of the platform's monotonic clock.

    Attributes:
        execution_id, name, job_id, attempt, installation_id: whose it is.
        outcome: what becomes of it.
        created_at: the wall clock at the launch.
        created, started, end: when it was launched, starts and ends.
        exit_code: with which it ends.
        output: what it writes, with the time of each piece.
        running: what is told of it while it runs, once somebody has asked.
    """

    execution_id: str
    name: str
    job_id: UUID
    attempt: int
    installation_id: str
    outcome: Outcome
    created_at: datetime
    created: float
    started: float
    end: float
    exit_code: int | None
    output: tuple[Output, ...]
    is_stopping: bool = False
    running: "ExecutionState | None" = None

    def time_of(self, seconds: float) -> datetime:
        """The wall clock at a time of the monotonic one, as if it had never been set since the launch."""
        return self.created_at + timedelta(seconds=seconds - self.created)

    def written(self, now: float) -> list[Output]:
        """What it has written by now, in order."""
        elapsed = min(now, self.end) - self.started
        return [output for output in self.output if output.at_seconds <= elapsed]

    def stop(self, now: float, grace_seconds: float) -> None:
        """Stop politely, and by force after the grace period. The earliest end wins."""
        if grace_seconds > 0 and self.outcome.stop_seconds <= grace_seconds:
            end, code, last = now + self.outcome.stop_seconds, self.outcome.stop_exit_code, self.outcome.stop_output
        else:
            end, code, last = now + grace_seconds, _KILLED, ()
        if end >= self.end:
            return
        if not self.is_stopping:
            elapsed = now - self.started
            before = [output for output in self.output if output.at_seconds <= elapsed]
            after = [output for output in self.output if output.at_seconds > elapsed]
            self.output = (*before, *(attrs.evolve(output, at_seconds=elapsed) for output in last), *after)
        self.is_stopping = True
        self.end, self.exit_code = end, code


class MockPlatform:
    """A platform in memory. No thread and no timer: what an execution does follows from the clock.

    With a `VirtualClock`, a call that has to wait (a cancel with a grace period, a delayed answer) moves
    the clock on by itself instead.

    Args:
        outcome: what becomes of executions, for all or chosen by the request.
        clock: decides when they start, write and end.
        faults: what goes wrong with calls; `ScriptedFaults` when left out.
        capacity: most executions at once; None is any number.
        images: the images that exist; None is all.
        idempotent_launch: whether it refuses to start a name twice, as Docker and ECS do.
        visible_after_seconds: for how long a new execution is not found yet.
        logs_after_seconds: how much later than written output can be read.

    Attributes:
        faults: what goes wrong with calls.
        starts: the name of every execution that was really started, in order.
        calls: how often each method was called.
        is_reachable: False lets every call fail, as a dead host does.
        visible_after_seconds, logs_after_seconds: as given; may be changed at any time.
    """

    def __init__(
        self,
        *,
        outcome: "Outcome | Callable[[ExecutionRequest], Outcome] | None" = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
        capacity: int | None = None,
        images: Iterable[str] | None = None,
        idempotent_launch: bool = True,
        visible_after_seconds: float = 0.0,
        logs_after_seconds: float = 0.0,
    ) -> None:
        self.clock = clock or SystemClock()
        self.scripted_faults = ScriptedFaults()
        self.faults: Faults = faults or self.scripted_faults
        self.idempotent_launch = idempotent_launch
        self.starts: list[str] = []
        self.calls: Counter[str] = Counter()
        self.is_reachable = True
        self._outcome = outcome or Outcome()
        self._capacity = capacity
        self._images = None if images is None else frozenset(images)
        self.visible_after_seconds = visible_after_seconds
        self.logs_after_seconds = logs_after_seconds
        self._changed = threading.Condition()
        self._executions: dict[str, MockExecution] = {}
        self._calls_by_name: Counter[tuple[str, str]] = Counter()
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._ended: list[tuple[str, str]] = []
        self._running = 0

    @property
    def started_twice(self) -> list[str]:
        """The names that were started more than once. Promise 2 says there are none."""
        return sorted(name for name, times in Counter(self.starts).items() if times > 1)

    @property
    def executions(self) -> Sequence[MockExecution]:
        """Everything that exists, visible or not."""
        with self._changed:
            return list(self._executions.values())

    def fault(self, method: str, name: str = "") -> Fault | None:
        """Count a call and tell what goes wrong with it."""
        with self._changed:
            self.calls[method] += 1
            self._calls_by_name[method, name] += 1
            call = Call(method=method, name=name, number=self._calls_by_name[method, name])
        if not self.is_reachable:
            return Fault(error=TransientError("the mock platform does not answer", hint="set is_reachable to True"))
        return self.faults(call)

    def start(self, job: "ExecutionRequest") -> MockExecution:
        """Start an execution, or give the one of that name where the platform is idempotent.

        Raises:
            ExecutorError: the script, the capacity or the images refuse it. Nothing was started.
        """
        outcome = (self._outcome if isinstance(self._outcome, Outcome) else self._outcome(job)).labelled(
            job.spec.labels
        )
        with self._changed:
            known = self._executions.get(job.name)
            if known is not None and self.idempotent_launch:
                return known
            self._refuse(job, outcome)
            execution = self._add(job, outcome)
            self._changed.notify_all()
            return execution

    def get(self, execution_id: str) -> MockExecution | None:
        """The execution of that id, while it can be seen."""
        return self.find([execution_id])[0]

    def find(self, execution_ids: Sequence[str]) -> list[MockExecution | None]:
        """The same of many."""
        with self._changed:
            now = self.clock.monotonic()
            found = (self._executions.get(each) for each in execution_ids)
            return [each if each is not None and self._is_visible(each, now) else None for each in found]

    def owned(self, installation_id: str) -> list[MockExecution]:
        """Everything of an installation that can be seen."""
        with self._changed:
            now = self.clock.monotonic()
            return [
                execution
                for execution in self._executions.values()
                if execution.installation_id == installation_id and self._is_visible(execution, now)
            ]

    def written(self, execution: MockExecution) -> list[Output]:
        """What of its output can be read by now."""
        return execution.written(self.clock.monotonic() - self.logs_after_seconds)

    def stop(self, execution_id: str, grace_seconds: float) -> None:
        """Stop an execution and wait for its end."""
        with self._changed:
            execution = self._executions.get(execution_id)
            if execution is None:
                return
            now = self.clock.monotonic()
            end = execution.end
            if now < end:
                execution.stop(now, grace_seconds)
            if execution.end != end:
                self._note_end(execution)
                self._changed.notify_all()
        self.wait_until(execution.end)

    def finish(self, execution_id: str, exit_code: int | None = 0, failure: Failure | None = None) -> None:
        """End a running execution now, as if by itself. One that has ended stays as it is."""
        with self._changed:
            execution, now = self._executions[execution_id], self.clock.monotonic()
            if now >= execution.end:
                return
            execution.end, execution.exit_code = now, exit_code
            execution.outcome = attrs.evolve(execution.outcome, failure=failure)
            self._note_end(execution)
            self._changed.notify_all()

    def remove(self, execution_id: str) -> None:
        """Remove an execution; one that runs ends with it."""
        with self._changed:
            self._settle()
            execution = self._executions.pop(execution_id, None)
            if execution is not None and self.clock.monotonic() < execution.end:
                self._running -= 1

    def wait_until(self, moment: float) -> None:
        """Wait until a time of the monotonic clock. A virtual clock is moved there."""
        if isinstance(self.clock, VirtualClock):
            self.clock.advance(max(moment - self.clock.monotonic(), 0.0))
            return
        with self._changed:
            while (left := moment - self.clock.monotonic()) > 0:
                self._changed.wait(min(left, 1.0))

    def ended_since(self, installation_id: str, position: int, timeout_seconds: float) -> tuple[int, list[str]]:
        """The ids that ended after a position in the order of ends, and the next position.

        Waits for one to end, until the timeout; then there are none. A negative position is the present one.
        """
        with self._changed:
            self._settle()
            if position < 0:
                return len(self._ended), []
            if position == len(self._ended):
                self._changed.wait(self._wait_seconds(timeout_seconds))
                self._settle()
            ended = self._ended[position:]
            return len(self._ended), [name for installation, name in ended if installation == installation_id]

    def _wait_seconds(self, timeout_seconds: float) -> float:
        if not isinstance(self.clock, SystemClock):
            return min(timeout_seconds, _POLL_SECONDS)
        if not self._due:
            return timeout_seconds
        return min(timeout_seconds, max(self._due[0][0] - self.clock.monotonic(), 0.0))

    def _refuse(self, job: "ExecutionRequest", outcome: Outcome) -> None:
        if self._images is not None and job.spec.image not in self._images:
            raise PermanentError(
                f"there is no image {job.spec.image!r} on the mock platform",
                FailureKind.IMAGE,
                "name one of its images, or add it",
            )
        if outcome.refusal is not None:
            raise type(outcome.refusal)(*outcome.refusal.args)
        self._settle()
        if self._capacity is not None and self._running >= self._capacity:
            raise CapacityError(f"the mock platform runs {self._running} executions already, its capacity")

    def _add(self, job: "ExecutionRequest", outcome: Outcome) -> MockExecution:
        created = self.clock.monotonic()
        started = created + outcome.start_delay_seconds
        number = next(self._order)
        execution = MockExecution(
            execution_id=job.name if job.name not in self._executions else f"{job.name}~{number}",
            name=job.name,
            job_id=job.job_id,
            attempt=job.attempt,
            installation_id=job.installation_id,
            outcome=outcome,
            created_at=self.clock.now(),
            created=created,
            started=started,
            end=started + outcome.duration_seconds,
            exit_code=outcome.exit_code,
            output=outcome.output,
        )
        self._executions[execution.execution_id] = execution
        self._running += 1
        self.starts.append(job.name)
        self._note_end(execution)
        return execution

    def _note_end(self, execution: MockExecution) -> None:
        heapq.heappush(self._due, (execution.end, next(self._order), execution.execution_id))

    def _settle(self) -> None:
        """Take note of what has ended by now. An end that was moved since it was noted does not count."""
        now = self.clock.monotonic()
        while self._due and self._due[0][0] <= now:
            end, _, execution_id = heapq.heappop(self._due)
            execution = self._executions.get(execution_id)
            if execution is not None and execution.end == end:
                self._running -= 1
                self._ended.append((execution.installation_id, execution_id))

    def _is_visible(self, execution: MockExecution, now: float) -> bool:
        age = now - execution.created
        lost_after = execution.outcome.lost_after_seconds
        return age >= self.visible_after_seconds and (lost_after is None or age < lost_after)
