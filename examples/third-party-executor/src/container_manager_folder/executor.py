"""The executor: a folder an execution, with its output and, at the end, its exit code in it."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import (
    ContainerExecutor,
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
    Stream,
)
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.spec import ContainerSpec
from container_manager_folder.plugin import FOLDER, FolderOptions

NAME = re.compile(r"cm-([0-9a-f-]{36})-([0-9]+)")
# The first end that is linked stays: the command's own, or the one that a cancel writes.
SCRIPT = '"$@"; echo $? >"$0/own-end"; ln "$0/own-end" "$0/end"'
START_SECONDS = 5.0
NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)


class FolderExecutor(ContainerExecutor):
    """Runs each command under a shell, in a folder of its own."""

    capabilities = FOLDER.capabilities

    def __init__(self, options: FolderOptions, context: ExecutorContext) -> None:
        self._root = Path(options.path) / context.installation_id
        self._children: list[subprocess.Popen[bytes]] = []

    def launch_job(self, job: ExecutionRequest) -> Launch:
        environment = {"PATH": os.environ.get("PATH", os.defpath), **job.environment, **job.secrets}
        self._refuse(job.spec, environment["PATH"])
        folder = self._root / job.name
        if not folder.exists():
            job.confirm_lease()
            self._start(folder, job, environment)
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "pid").exists():
            if time.monotonic() > deadline:
                raise TransientError(f"another worker is starting {job.name}", hint="look again")
            time.sleep(0.01)
        return Launch(execution_id=job.name, metadata={"folder": str(folder)})

    def find_execution(self, job: ExecutionRequest) -> str | None:
        return job.name if (self._root / job.name / "pid").exists() else None

    def check_status(self, execution_id: str) -> ExecutionState:
        folder = self._folder(execution_id)
        if folder is None:
            return NOT_FOUND
        for child in self._children:
            child.poll()
        with suppress(FileNotFoundError):
            started_at = _changed_at(folder / "pid")
            if not (folder / "end").exists() and _is_alive(folder):
                return ExecutionState(status=ExecutionStatus.RUNNING, started_at=started_at)
            if not (folder / "end").exists():
                failure = Failure(kind=FailureKind.LOST, message="its shell was killed", retryable=True)
                return ExecutionState(status=ExecutionStatus.FAILED, failure=failure, started_at=started_at)
            return ExecutionState(
                status=ExecutionStatus.EXITED,
                exit_code=int((folder / "end").read_text()),
                started_at=started_at,
                finished_at=_changed_at(folder / "end"),
            )
        return NOT_FOUND

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = 1_048_576) -> LogPage:
        folder = self._folder(execution_id)
        if folder is None:
            return LogPage(cursor=cursor)
        offsets = [int(offset) for offset in cursor.split(":")] if cursor else [0, 0]
        chunks, more = [], False
        for number, stream in enumerate(Stream):
            with suppress(FileNotFoundError), (folder / stream.value).open("rb") as file:
                file.seek(offsets[number])
                data = file.read(limit)
                more = more or len(data) == limit
                offsets[number] += len(data)
                chunks += [LogChunk(stream, data)] if data else []
        return LogPage(chunks=tuple(chunks), cursor=f"{offsets[0]}:{offsets[1]}" if chunks else cursor, more=more)

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        """Kills at once: a polite stop is not among the capabilities."""
        folder = self._folder(execution_id)
        if folder is None or self.check_status(execution_id).has_ended:
            return
        with suppress(FileNotFoundError, FileExistsError, ProcessLookupError):
            os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)
            killed = folder / f"killed-{time.monotonic_ns()}"
            killed.write_text("137")
            os.link(killed, folder / "end")

    def cleanup(self, execution_id: str) -> None:
        self.cancel(execution_id, 0)
        folder = self._folder(execution_id)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def check_health(self) -> Health:
        begun = time.monotonic()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return Health(ok=False, message=f"{self._root}: {error.strerror}", hint="name another folder in path")
        return Health(ok=True, latency_seconds=time.monotonic() - begun, message=f"folders in {self._root}")

    def plan(self, spec: ContainerSpec) -> Plan:
        wanted = {"mounts": spec.mounts, "networks": spec.networks, "user": spec.user}
        return Plan(
            problems=tuple(
                Problem(place=place, message=f"a folder has no {place}", remedy="leave it out, or use another host")
                for place, value in wanted.items()
                if value
            )
        )

    def list_owned(self) -> Sequence[OwnedExecution]:
        return [
            OwnedExecution(
                execution_id=pid.parent.name,
                name=pid.parent.name,
                job_id=UUID(match[1]),
                attempt=int(match[2]),
                status=self.check_status(pid.parent.name).status,
            )
            for pid in self._root.glob("*/pid")
            if (match := NAME.fullmatch(pid.parent.name))
        ]

    def close(self) -> None:
        """Lets go of the shells, which go on by themselves."""
        for child in self._children:
            child.returncode = child.returncode or 0
        self._children.clear()

    def _folder(self, execution_id: str) -> Path | None:
        """The folder of an id that is one: whatever comes from outside must not lead anywhere else."""
        folder = self._root / execution_id
        return folder if NAME.fullmatch(execution_id) and folder.exists() else None

    def _refuse(self, spec: ContainerSpec, path: str) -> None:
        for problem in self.plan(spec).problems:
            raise PermanentError(problem.message, FailureKind.SPEC, problem.remedy)
        word = (*(spec.entrypoint or ()), *spec.command, "")[0]
        if shutil.which(word, path=path) is None:
            raise PermanentError(f"{word!r} is no program of this machine", FailureKind.SPEC, "check its name and PATH")

    def _start(self, folder: Path, job: ExecutionRequest, environment: dict[str, str]) -> None:
        """Start the command, if this call is the one that makes the folder."""
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            return
        except OSError as error:
            raise TransientError(f"{folder} cannot be made: {error.strerror}") from error
        words = [*(job.spec.entrypoint or ()), *job.spec.command]
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            child = subprocess.Popen(
                ["sh", "-c", SCRIPT, str(folder), *words],
                cwd=job.spec.working_directory or folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self._children.append(child)
        (folder / "pid.new").write_text(str(child.pid))
        (folder / "pid.new").rename(folder / "pid")


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _is_alive(folder: Path) -> bool:
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return (folder / "end").exists()
    return True
