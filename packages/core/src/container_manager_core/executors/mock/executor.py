"""The executor that talks to a mock platform."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from container_manager_core.errors import ExecutorError, PermanentError
from container_manager_core.executor import (
    Capability,
    ContainerExecutor,
    ExecutionEvent,
    ExecutionRequest,
    ExecutionState,
    ExecutionStatus,
    ExecutorContext,
    Health,
    Launch,
    LogChunk,
    LogPage,
    OwnedExecution,
    Plan,
    Problem,
)
from container_manager_core.executors.mock.executor_type import MOCK
from container_manager_core.executors.mock.options import MockOptions
from container_manager_core.executors.mock.platform import MockExecution, MockPlatform
from container_manager_core.failure import FailureKind
from container_manager_core.job import Usage
from container_manager_core.spec import ContainerSpec

Answer = TypeVar("Answer")

_NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)
_STARTING = ExecutionState(status=ExecutionStatus.RUNNING)
_LOOK_SECONDS = 0.5


class MockExecutor(ContainerExecutor):
    """Runs nothing: tells what the platform's script says became of each job.

    Without a platform in its options it makes one of its own, whose outcomes follow from the other
    options and from a job's ``mock.`` labels.
    """

    def __init__(self, options: MockOptions, context: ExecutorContext) -> None:
        self._options = options
        self._installation_id = context.installation_id
        self._platform = options.platform or MockPlatform(
            outcome=options.outcome,
            clock=context.clock,
            capacity=options.capacity,
            images=options.images,
            idempotent_launch=options.idempotent_launch,
        )
        idempotent = self._platform.idempotent_launch
        self.capabilities = MOCK.capabilities - (frozenset() if idempotent else {Capability.IDEMPOTENT_LAUNCH})

    @property
    def platform(self) -> MockPlatform:
        """What it talks to."""
        return self._platform

    def launch_job(self, job: ExecutionRequest) -> Launch:
        return self._call("launch_job", job.name, lambda: self._launch(job))

    def find_execution(self, job: ExecutionRequest) -> str | None:
        execution = self._call("find_execution", job.name, lambda: self._platform.get(job.name))
        return execution.execution_id if execution is not None else None

    def check_status(self, execution_id: str) -> ExecutionState:
        return self._call("check_status", execution_id, lambda: self._states([execution_id])[execution_id])

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        return self._call("check_statuses", "", lambda: self._states(execution_ids))

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = 1_048_576) -> LogPage:
        if cursor and not cursor.isdecimal():
            raise PermanentError(f"{cursor!r} is no cursor of the mock executor", hint="begin with the empty one")
        return self._call("read_logs", execution_id, lambda: self._read(execution_id, cursor, limit))

    def get_usage(self, execution_id: str) -> Usage | None:
        execution = self._call("get_usage", execution_id, lambda: self._platform.get(execution_id))
        return execution.outcome.usage if execution is not None else None

    def sample_usage(self, execution_ids: Sequence[str]) -> None:
        """Nothing: the script says it at the end as well."""

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        self._call("cancel", execution_id, lambda: self._platform.stop(execution_id, grace_seconds))

    def cleanup(self, execution_id: str) -> None:
        self._call("cleanup", execution_id, lambda: self._platform.remove(execution_id))

    def check_health(self) -> Health:
        try:
            return self._call("check_health", "", lambda: Health(ok=True, message="a platform in memory, for tests"))
        except ExecutorError as error:
            return Health(ok=False, message=error.message, hint=error.hint or "change the script")

    def plan(self, spec: ContainerSpec) -> Plan:
        largest, wanted = self._options.memory_mib, spec.resources.memory_mib
        if largest is None or wanted is None or wanted <= largest:
            return Plan(memory_mib=wanted, cpus=spec.resources.cpus)
        problem = Problem(
            place="resources.memory_mib",
            message=f"{wanted} MiB are more than the {largest} MiB of this host",
            remedy="ask for less, or raise the host's option memory_mib",
        )
        return Plan(problems=(problem,))

    def list_owned(self) -> Sequence[OwnedExecution]:
        return self._call("list_owned", "", self._owned)

    def events(self, stopped: threading.Event) -> Iterator[ExecutionEvent]:
        position = self._call("events", "", lambda: self._platform.ended_since(self._installation_id, -1, 0)[0])
        yield ExecutionEvent()
        while not stopped.is_set():
            position, ended = self._platform.ended_since(self._installation_id, position, _LOOK_SECONDS)
            for execution_id in ended:
                yield ExecutionEvent(execution_id=execution_id)

    def _call(self, method: str, name: str, action: Callable[[], Answer]) -> Answer:
        """What the platform answers, unless something goes wrong on the way there or back."""
        fault = self._platform.fault(method, name)
        if fault is None:
            return action()
        self._platform.wait_until(self._platform.clock.monotonic() + fault.delay_seconds)
        error = fault.error
        if error is None:
            return action()
        if fault.accepted:
            action()
        raise type(error)(*error.args)

    def _launch(self, job: ExecutionRequest) -> Launch:
        plan = self.plan(job.spec)
        if plan.problems:
            raise PermanentError(plan.problems[0].message, FailureKind.SPEC, plan.problems[0].remedy)
        execution = self._platform.get(job.name)
        if execution is None:
            job.confirm_lease()
            execution = self._platform.start(job)
        return Launch(execution_id=execution.execution_id, metadata={"image": job.spec.image})

    def _states(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        now = self._platform.clock.monotonic()
        found = zip(execution_ids, self._platform.find(execution_ids), strict=True)
        return {each: _NOT_FOUND if execution is None else _state(execution, now) for each, execution in found}

    def _read(self, execution_id: str, cursor: str, limit: int) -> LogPage:
        """The cursor counts the bytes of both streams together, in the order in which they were written."""
        execution = self._platform.get(execution_id)
        if execution is None:
            return LogPage(cursor=cursor)
        skip, room, chunks, more = int(cursor or 0), limit, [], False
        position = skip
        for output in self._platform.written(execution):
            data = output.data[skip:]
            skip = max(skip - len(output.data), 0)
            part = data[:room]
            more = more or len(part) < len(data)
            room -= len(part)
            position += len(part)
            if part:
                chunks.append(LogChunk(output.stream, part))
        return LogPage(chunks=tuple(chunks), cursor=str(position) if chunks else cursor, more=more)

    def _owned(self) -> list[OwnedExecution]:
        return [self._describe(execution) for execution in self._platform.owned(self._installation_id)]

    def _describe(self, execution: MockExecution) -> OwnedExecution:
        return OwnedExecution(
            execution_id=execution.execution_id,
            name=execution.name,
            job_id=execution.job_id,
            attempt=execution.attempt,
            status=_state(execution, self._platform.clock.monotonic()).status,
            created_at=execution.created_at,
        )


def _state(execution: MockExecution, now: float) -> ExecutionState:
    has_started = now >= execution.started
    if now < execution.end:
        if has_started and execution.running is None:
            started_at = execution.time_of(execution.started)
            execution.running = ExecutionState(status=ExecutionStatus.RUNNING, started_at=started_at)
        return execution.running or _STARTING
    code = execution.exit_code
    return ExecutionState(
        status=ExecutionStatus.FAILED if code is None else ExecutionStatus.EXITED,
        exit_code=code,
        failure=execution.outcome.failure,
        started_at=execution.time_of(execution.started) if has_started else None,
        finished_at=execution.time_of(execution.end),
    )
