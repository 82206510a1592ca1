"""One execution: its container on the local engine, and what the platform says of it."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import docker
from google.cloud import run_v2
from google.rpc import code_pb2, status_pb2

from local_clouds.cloudrun.limits import size_of
from local_clouds.containers import Container, End, Wanted

CLOUD = "cloudrun"
EXECUTION_LABEL = "local-clouds.execution"
SERVER_LABEL = "local-clouds.server"

_State = run_v2.Condition.State
_Reason = run_v2.Condition.ExecutionReason


class Run:
    """An execution of one task, with its container.

    Args:
        execution: as it was accepted; its template has the overrides in it.
        secrets: the values of variables that refer to the secret store.
        visible_at: from when, on the monotonic clock, lists and reads show it.
        write: takes a line of output: the stream and the bytes.
        grace_seconds: asked for the time between SIGTERM and SIGKILL of a task that is stopped.
    """

    def __init__(
        self,
        execution: run_v2.Execution,
        secrets: Mapping[str, str],
        visible_at: float,
        write: Callable[[str, bytes], None],
        grace_seconds: Callable[[], float],
    ) -> None:
        self.execution = execution
        self.visible_at = visible_at
        self.deleted = False
        self._secrets = secrets
        self._write = write
        self._grace = grace_seconds
        self._lock = threading.Lock()
        self._stop_reason = ""
        self._end: End | None = None
        self._deadline: threading.Timer | None = None
        self._container: Container | None = None

    @property
    def is_visible(self) -> bool:
        """Whether the platform shows it."""
        return not self.deleted and time.monotonic() >= self.visible_at

    def start(self, engine: docker.DockerClient, server: str) -> None:
        """Start the container; returns at once."""
        self._container = Container(
            engine,
            CLOUD,
            self._wanted(server),
            on_start=self._started,
            on_line=lambda stream, moment, line: self._write(stream, line),
            on_end=self._ended,
        )
        self._container.start()

    def cancel(self) -> None:
        """Stop it as the platform does; returns at once."""
        self._stop("cancelled")

    def kill(self) -> None:
        """Stop it at once and for good; returns at once."""
        self._stop("cancelled", grace_seconds=0)

    def join(self, timeout_seconds: float) -> None:
        """Wait until its container is gone."""
        if self._container is not None:
            self._container.join(timeout_seconds)

    def task(self) -> run_v2.Task:
        """Its one task."""
        with self._lock:
            execution, end = self.execution, self._end
            task = run_v2.Task(
                name=f"{execution.name}/tasks/{execution.name.rpartition('/')[2]}-task0",
                job=execution.job,
                execution=execution.name,
                containers=execution.template.containers,
                create_time=execution.create_time,
                max_retries=execution.template.max_retries,
                timeout=execution.template.timeout,
            )
            if execution.start_time:
                task.start_time = execution.start_time
            if end is not None:
                task.completion_time = execution.completion_time
                task.last_attempt_result = self._result(end)
            return task

    def snapshot(self) -> run_v2.Execution:
        """The execution as it is now."""
        with self._lock:
            return run_v2.Execution(self.execution)

    def _wanted(self, server: str) -> Wanted:
        container = self.execution.template.containers[0]
        cpus, memory = size_of(container)
        variables = {variable.name: self._secrets.get(variable.name, variable.value) for variable in container.env}
        short = self.execution.name.rpartition("/")[2]
        return Wanted(
            name=short,
            image=container.image,
            command=tuple(container.args),
            entrypoint=tuple(container.command) or None,
            environment={
                "CLOUD_RUN_JOB": self.execution.job.rpartition("/")[2],
                "CLOUD_RUN_EXECUTION": short,
                "CLOUD_RUN_TASK_INDEX": "0",
                "CLOUD_RUN_TASK_ATTEMPT": "0",
                "CLOUD_RUN_TASK_COUNT": "1",
                **variables,
            },
            working_directory=container.working_dir or None,
            memory_mib=memory,
            cpus=min(cpus, os.cpu_count() or 1),
            labels={EXECUTION_LABEL: short, SERVER_LABEL: server},
        )

    def _started(self, container_id: str) -> None:
        with self._lock:
            self.execution.start_time = datetime.now(UTC)
            self.execution.running_count = 1
        seconds = self.execution.template.timeout.total_seconds()
        self._deadline = threading.Timer(min(seconds, 8 * 86400), self._stop, args=("timeout",))
        self._deadline.daemon = True
        self._deadline.start()

    def _stop(self, reason: str, grace_seconds: float | None = None) -> None:
        with self._lock:
            if self._end is not None or (self._stop_reason and grace_seconds is None):
                return
            self._stop_reason = self._stop_reason or reason
            container = self._container
        if container is not None:
            grace = self._grace() if grace_seconds is None else grace_seconds
            threading.Thread(target=container.stop, args=(grace,), daemon=True).start()

    def _ended(self, end: End) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        with self._lock:
            self._end = end
            execution = self.execution
            execution.running_count = 0
            # Now, not when the engine says: its last line was read a moment later, and comes before the end.
            execution.completion_time = datetime.now(UTC)
            if end.started_at is not None:
                execution.start_time = end.started_at
            message, failed_reason = self._verdict(end)
            condition = run_v2.Condition(type_="Completed", last_transition_time=execution.completion_time)
            if not message:
                execution.succeeded_count = 1
                condition.state = _State.CONDITION_SUCCEEDED
                condition.message = "Execution completed successfully."
            else:
                condition.state, condition.message = _State.CONDITION_FAILED, message
                condition.execution_reason = failed_reason
                execution.cancelled_count = int(failed_reason is _Reason.CANCELLED)
                execution.failed_count = 1 - execution.cancelled_count
            execution.conditions = [condition]
            execution.reconciling = False

    def _verdict(self, end: End) -> tuple[str, run_v2.Condition.ExecutionReason]:
        """What the execution's condition says, empty for success, and the reason."""
        if self._stop_reason == "cancelled":
            return "Execution was cancelled by user.", _Reason.CANCELLED
        result = self._result(end)
        if not result.status.code:
            return "", _Reason.EXECUTION_REASON_UNDEFINED
        task = f"Task {self.execution.name.rpartition('/')[2]}-task0 failed with message: {result.status.message}"
        reason = _Reason.NON_ZERO_EXIT_CODE if result.exit_code else _Reason.EXECUTION_REASON_UNDEFINED
        return task, reason

    def _result(self, end: End) -> run_v2.TaskAttemptResult:
        container = self.execution.template.containers[0]
        if self._stop_reason == "timeout":
            return _result(code_pb2.DEADLINE_EXCEEDED, "The configured timeout was reached.")
        if self._stop_reason == "cancelled":
            return _result(code_pb2.CANCELLED, "The task was cancelled.")
        if end.image_problem:
            return _result(code_pb2.NOT_FOUND, f"Image '{container.image}' not found. {end.problem}")
        if end.problem:
            return _result(code_pb2.INTERNAL, f"Application failed to start: {end.problem}")
        if end.out_of_memory:
            memory = container.resources.limits.get("memory", "512Mi")
            return _result(code_pb2.RESOURCE_EXHAUSTED, f"Memory limit of {memory} exceeded.", term_signal=9)
        if end.exit_code:
            message = "The container exited with an error."
            return _result(code_pb2.UNKNOWN, message, exit_code=end.exit_code)
        return run_v2.TaskAttemptResult()


def _result(code: int, message: str, exit_code: int = 0, term_signal: int = 0) -> run_v2.TaskAttemptResult:
    return run_v2.TaskAttemptResult(
        status=status_pb2.Status(code=code, message=message), exit_code=exit_code, term_signal=term_signal
    )
