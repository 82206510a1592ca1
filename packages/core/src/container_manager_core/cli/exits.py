"""How a job's end becomes the exit code of ``container-manager run``, and the words beside it."""

from container_manager_core.failure import FailureKind
from container_manager_core.job import Job, JobStatus

OK = 0
PROBLEM = 1
"""A command other than ``run`` could not do what it was asked for."""
USAGE = 2
"""A mistake of the user's; nothing was stored or started."""
TIMEOUT = 124
NOT_STARTED = 125
INTERRUPTED = 130
OUT_OF_MEMORY = 137
BROKEN_PIPE = 141
TERMINATED = 143

_WORDS = {
    FailureKind.OUT_OF_MEMORY: "ran out of memory",
    FailureKind.TIMEOUT: "timed out",
    FailureKind.CANCELLED: "was cancelled",
    FailureKind.IMAGE: "could not be started: its image cannot be used",
    FailureKind.CAPACITY: "could not be started: there was no room",
    FailureKind.QUOTA: "could not be started: a quota was reached",
    FailureKind.CREDENTIALS: "could not be started: access was refused",
    FailureKind.SPEC: "could not be started as it was asked for",
    FailureKind.POLICY: "could not be started: a policy forbids it",
    FailureKind.BUDGET: "was stopped or not started, as it costs too much",
    FailureKind.LOST: "was lost by its host",
    FailureKind.PLATFORM: "failed because of its host",
}


def exit_code(job: Job) -> int:
    """The exit code for a finished job, 0 to 255.

    The container's own code when its command ran to its end; 124 on timeout, 130 when cancelled,
    137 over memory, 125 when it could not be started or its host failed.
    """
    if job.status is JobStatus.COMPLETED:
        return OK
    if job.status is JobStatus.TIMEOUT:
        return TIMEOUT
    if job.status is JobStatus.CANCELLED:
        return INTERRUPTED
    kind = job.failure.kind if job.failure else FailureKind.EXIT
    if kind is FailureKind.OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    if kind is not FailureKind.EXIT:
        return NOT_STARTED
    code = job.exit_code
    return code if code is not None and 0 < code < 256 else PROBLEM


def explanation(job: Job) -> str:
    """Why the job ended badly, in a sentence with the remedy; empty when its exit code says it all."""
    failure = job.failure
    if failure is None or failure.kind is FailureKind.EXIT:
        return ""
    words = f"job {str(job.id)[:8]} {_WORDS[failure.kind]}"
    message = failure.message.removeprefix("out of memory: ")
    sentence = f"{words}: {message}" if message else words
    return f"{sentence}; {failure.hint}" if failure.hint else sentence
