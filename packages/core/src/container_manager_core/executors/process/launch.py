"""Handing a command to a new supervisor."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from container_manager_core.errors import PermanentError
from container_manager_core.executor import ExecutionRequest
from container_manager_core.executors.process import supervisor
from container_manager_core.executors.process.folder import ExecutionFolder
from container_manager_core.failure import FailureKind


@attrs.frozen
class Refusal:
    """The command could not be started: the step that failed, and the system's reason."""

    step: str
    number: int

    def error(self, job: ExecutionRequest) -> PermanentError:
        """The same as the error of a launch."""
        reason = os.strerror(self.number)
        if self.step == "folder":
            return PermanentError(
                f"working_directory: {job.spec.working_directory!r} cannot be entered: {reason}",
                FailureKind.SPEC,
                "name a folder that exists on this machine",
            )
        word = (job.spec.entrypoint or job.spec.command)[0]
        return PermanentError(
            f"the command {word!r} cannot be started on this machine: {reason}",
            FailureKind.SPEC,
            "check its path, its permissions and, for a script, its interpreter",
        )


def request_text(job: ExecutionRequest, folder: ExecutionFolder, inherited: Iterable[str]) -> bytes:
    """The request as the supervisor reads it. It goes through a pipe: secrets are on no command line and no disk.

    Raises:
        PermanentError: a word or variable that the system's encoding cannot hold.
    """
    spec = job.spec
    words = [*(spec.entrypoint or ()), *spec.command]
    environment = {**inherited_environment(inherited, os.environ), **job.environment, **job.secrets}
    fields = [
        str(folder.ended_file),
        spec.working_directory or "work",
        str((spec.resources.memory_mib or 0) * 1024 * 1024),
        str(spec.timeout_seconds or 0),
        str(spec.stop_grace_seconds),
        str(len(words)),
        *words,
        *(f"{name}={value}" for name, value in environment.items()),
    ]
    try:
        encoded = [os.fsencode(field) for field in fields]
    except UnicodeEncodeError as error:
        raise PermanentError(
            f"the command or its environment has characters that this system's {error.encoding} cannot hold",
            FailureKind.SPEC,
        ) from None
    return b"\0".join([str(len(encoded)).encode(), *encoded, b""])


def inherited_environment(inherited: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the worker that a command may see."""
    exact = {name for name in inherited if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in inherited if name.endswith("*"))
    return {
        name: value for name, value in environment.items() if name in exact or (prefixes and name.startswith(prefixes))
    }


def start_supervisor(folder: Path, request: bytes, timeout_seconds: float) -> str | Refusal:
    """The new supervisor's answer, one of its words or its refusal.

    The supervisor leaves this process's session and parentage at once, so that neither a signal to
    the worker's group reaches it nor a zombie is left.

    Raises:
        subprocess.TimeoutExpired: no answer; the command may have been started.
        OSError: no process could be made.
    """
    finished = subprocess.run(
        # -I and -S: neither the environment nor site-packages have a say, and the start takes a few milliseconds.
        [sys.executable, "-I", "-S", supervisor.__file__, str(folder)],
        input=request,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        start_new_session=True,
        timeout=timeout_seconds,
        check=False,
    )
    words = finished.stdout.decode().split()
    if words[:1] == ["refused"]:
        return Refusal(words[1], int(words[2]))
    return words[0] if words else "unanswered"
