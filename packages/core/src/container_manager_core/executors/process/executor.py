"""The executor that runs commands as processes of this machine."""

import errno
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import (
    ContainerExecutor,
    ExecutionEvent,
    ExecutionRequest,
    ExecutionState,
    ExecutionStatus,
    ExecutorContext,
    Health,
    Launch,
    LogPage,
    OwnedExecution,
    Plan,
)
from container_manager_core.executors.process.executor_type import PROCESS
from container_manager_core.executors.process.folder import ExecutionFolder
from container_manager_core.executors.process.launch import Refusal, request_text, start_supervisor
from container_manager_core.executors.process.limits import plan_process
from container_manager_core.executors.process.options import ProcessOptions
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Usage
from container_manager_core.spec import ContainerSpec

_NAME = re.compile(r"cm-(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(?P<attempt>[0-9]{1,9})")
_POLL_SECONDS = 0.02
_EVENT_POLL_SECONDS = 0.05
_KILL_SECONDS = 30.0
_BEGIN_SECONDS = 1.0
_ABANDONED_SECONDS = 60.0


class ProcessExecutor(ContainerExecutor):
    """Runs commands as processes of this machine, each under a supervisor that outlives the worker.

    There is no isolation: a command has the worker's rights, files and network. The image is ignored. Of the
    worker's environment a command sees only `ProcessOptions.inherit_environment`. Without a working directory
    it runs in a folder of its own, which is removed with the execution. When the command ends, what it left
    running in its process group is killed; a process that made itself a session of its own is beyond reach.

    ``Resources.memory_mib`` becomes RLIMIT_DATA, which counts what a process really may write, and not
    RLIMIT_AS, under which programs that only reserve address space (Go, Java, Node.js) do not even start.
    ``timeout_seconds`` is enforced by the supervisor, whether or not a worker lives.
    """

    capabilities = PROCESS.capabilities

    def __init__(self, options: ProcessOptions, context: ExecutorContext) -> None:
        self._options = options
        self._context = context
        self._root = _state_folder(options) / (quote(context.installation_id, safe="") or "default")

    def launch_job(self, job: ExecutionRequest) -> Launch:
        plan = plan_process(job.spec)
        if plan.problems:
            problem = plan.problems[0]
            raise PermanentError(f"{problem.place}: {problem.message}", FailureKind.SPEC, problem.remedy)
        folder = self._folder(job.name)
        if folder is None:
            raise PermanentError(f"{job.name!r} cannot be the name of an execution", FailureKind.SPEC)
        with self._translated_errors("start"):
            if folder.was_begun():
                return self._launch(folder)
            folder.make()
            job.confirm_lease()
            text = request_text(job, folder, self._options.inherit_environment)
            answer = start_supervisor(folder.path, text, self._options.call_timeout_seconds)
            return self._judge(job, folder, answer)

    def find_execution(self, job: ExecutionRequest) -> str | None:
        folder = self._folder(job.name)
        with self._translated_errors("look for"):
            return job.name if folder is not None and folder.was_begun() else None

    def check_status(self, execution_id: str) -> ExecutionState:
        folder = self._folder(execution_id)
        with self._translated_errors("look at"):
            return ExecutionState(status=ExecutionStatus.NOT_FOUND) if folder is None else _state(folder)

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = 1_048_576) -> LogPage:
        if cursor and not re.fullmatch(r"[0-9]+:[0-9]+", cursor):
            raise PermanentError(f"{cursor!r} is no cursor of the process executor", hint="begin with the empty one")
        folder = self._folder(execution_id)
        with self._translated_errors("read the output of"):
            return LogPage(cursor=cursor) if folder is None else folder.read_output(cursor, limit)

    def get_usage(self, execution_id: str) -> Usage | None:
        """What the ended command and those of its children that it waited for used.

        The system counts the peak of the largest process, and not less than the supervisor's own, about 10 MiB.
        """
        folder = self._folder(execution_id)
        end = folder.read_end() if folder is not None else None
        if end is None or "cpu_seconds" not in end:
            return None
        return Usage(peak_memory_bytes=end["peak_memory_bytes"], cpu_seconds=end["cpu_seconds"])

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        folder = self._folder(execution_id)
        if folder is None:
            return
        with self._translated_errors("stop"):
            if grace_seconds > 0 and self._signal(folder, signal.SIGTERM, grace_seconds):
                return
            if not self._signal(folder, signal.SIGKILL, _KILL_SECONDS):
                raise TransientError(f"{execution_id} still runs {_KILL_SECONDS:g} s after it was killed")

    def cleanup(self, execution_id: str) -> None:
        self.cancel(execution_id, 0)
        folder = self._folder(execution_id)
        if folder is None:
            return
        with self._translated_errors("remove"):
            command = folder.read_command()
            if command is not None and folder.read_end() is None:
                command.signal_group(signal.SIGKILL)
            _remove(folder)

    def check_health(self) -> Health:
        begun = self._context.clock.monotonic()
        probe = self._root / f".probe-{os.getpid()}-{threading.get_ident()}"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            return Health(
                ok=False,
                message=f"the state folder {self._root} cannot be written: {error.strerror}",
                hint="name another one in the option state_folder, or make it writable",
            )
        return Health(
            ok=True,
            latency_seconds=max(self._context.clock.monotonic() - begun, 0.0),
            message=f"processes of this machine, their state in {self._root}",
        )

    def plan(self, spec: ContainerSpec) -> Plan:
        return plan_process(spec)

    def list_owned(self) -> Sequence[OwnedExecution]:
        """Everything in the state folder; a launch that was prepared and given up is listed after a minute."""
        with self._translated_errors("list"):
            return [
                owned
                for name in _names(self._root / "executions")
                if (owned := self._owned(ExecutionFolder(self._root, name))) is not None
            ]

    def events(self, stopped: threading.Event) -> Iterator[ExecutionEvent]:
        """Ends, seen by a look at the time of one folder 20 times a second, and at its names when it changed."""
        ended = self._root / "ended"
        with self._translated_errors("watch"):
            ended.mkdir(mode=0o700, parents=True, exist_ok=True)
            known = set(_names(ended))
            seen = 0
        yield ExecutionEvent()
        while not stopped.wait(_EVENT_POLL_SECONDS):
            with self._translated_errors("watch"):
                changed = ended.stat().st_mtime_ns
                if changed == seen:
                    continue
                names = set(_names(ended))
            # File times are coarse: a folder that has just changed may change again without showing it.
            seen = changed if time.time_ns() - changed > 1_000_000_000 else 0
            for name in sorted(names - known):
                yield ExecutionEvent(execution_id=name)
            known = names

    def _folder(self, name: str) -> ExecutionFolder | None:
        return ExecutionFolder(self._root, name) if _NAME.fullmatch(name) else None

    def _judge(self, job: ExecutionRequest, folder: ExecutionFolder, answer: str | Refusal) -> Launch:
        if isinstance(answer, Refusal):
            error = answer.error(job)
            _remove(folder)
            raise error
        if answer == "busy":
            _wait_for_another(folder)
        if folder.was_begun():
            return self._launch(folder)
        raise TransientError(
            f"{job.name} was not started: its folder is {answer}", hint="another worker is at it; look again"
        )

    def _launch(self, folder: ExecutionFolder) -> Launch:
        command = folder.read_command()
        return Launch(
            execution_id=folder.name,
            metadata={"folder": str(folder.path), "process_id": command.pid if command else None},
            started_at=_time(command.started_at) if command else None,
        )

    def _signal(self, folder: ExecutionFolder, number: signal.Signals, wait_seconds: float) -> bool:
        """Signal the command and wait; whether it has ended."""
        deadline = time.monotonic() + wait_seconds
        signalled = False
        while True:
            if not _runs(folder):
                return True
            command = folder.read_command()
            if command is not None and not signalled:
                command.signal_group(number)
                signalled = True
            elif time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)

    def _owned(self, folder: ExecutionFolder) -> OwnedExecution | None:
        match = _NAME.fullmatch(folder.name)
        try:
            created = folder.path.stat().st_mtime
        except FileNotFoundError:
            return None
        state = _state(folder)
        if state.status is ExecutionStatus.NOT_FOUND and time.time() - created < _ABANDONED_SECONDS:
            return None
        return OwnedExecution(
            execution_id=folder.name,
            name=folder.name,
            job_id=UUID(match["job"]) if match else None,
            attempt=int(match["attempt"]) if match else None,
            status=state.status,
            created_at=state.started_at or _time(created),
        )

    @contextmanager
    def _translated_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except subprocess.TimeoutExpired as error:
            raise TransientError(
                f"the supervisor did not answer within {self._options.call_timeout_seconds:g} s", may_have_started=True
            ) from error
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "make room on the disk" if error.errno == errno.ENOSPC else "check the option state_folder"
            raise TransientError(f"cannot {action} executions in {self._root}: {reason}", hint=hint) from error


def _state_folder(options: ProcessOptions) -> Path:
    if options.state_folder is not None:
        return Path(options.state_folder).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("container-manager") / "processes"


def _state(folder: ExecutionFolder) -> ExecutionState:
    if not folder.was_begun():
        return ExecutionState(status=ExecutionStatus.NOT_FOUND)
    # The lock is looked at first: whoever lets go of it has written the end before.
    runs = _runs(folder)
    end, command = folder.read_end(), folder.read_command()
    if end is not None:
        return _end_state(end)
    if not folder.was_begun():
        return ExecutionState(status=ExecutionStatus.NOT_FOUND)
    started_at = _time(command.started_at) if command else None
    if runs:
        return ExecutionState(status=ExecutionStatus.RUNNING, started_at=started_at)
    return ExecutionState(
        status=ExecutionStatus.FAILED,
        started_at=started_at,
        failure=Failure(
            kind=FailureKind.LOST,
            message="the supervisor was killed, or the machine restarted, before the end could be recorded",
            retryable=True,
        ),
    )


def _end_state(end: Mapping[str, Any]) -> ExecutionState:
    failure, status = None, ExecutionStatus.EXITED
    if "refused" in end:
        status = ExecutionStatus.FAILED
        reason = f"the command could not be started: {os.strerror(end['errno'])}"
        failure = Failure(kind=FailureKind.SPEC, message=reason)
    elif end["timed_out"]:
        failure = Failure(
            kind=FailureKind.TIMEOUT,
            message="it ran longer than its limit",
            retryable=True,
            hint="raise the timeout if that is its normal length",
        )
    return ExecutionState(
        status=status,
        exit_code=end.get("exit_code"),
        failure=failure,
        started_at=_time(end["started_at"]),
        finished_at=_time(end["finished_at"]),
    )


def _runs(folder: ExecutionFolder) -> bool:
    """Whether anything of it lives: without its supervisor, a command goes on by itself."""
    if not folder.was_begun() or folder.read_end() is not None:
        return False
    if folder.is_supervised():
        return True
    command = folder.read_command()
    return folder.read_end() is None and command is not None and command.is_alive


def _remove(folder: ExecutionFolder) -> None:
    deadline = time.monotonic() + _KILL_SECONDS
    while not folder.remove():
        if time.monotonic() > deadline:
            raise TransientError(f"{folder.path} is still in use by its supervisor")
        time.sleep(_POLL_SECONDS)


def _wait_for_another(folder: ExecutionFolder) -> None:
    """Another supervisor has the folder: give it a moment to begin."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    while not folder.was_begun() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    except FileNotFoundError:
        return []


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
