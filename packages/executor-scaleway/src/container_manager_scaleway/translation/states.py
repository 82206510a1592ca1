"""Scaleway's answers about job runs, in our words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
from scaleway.jobs.v1alpha2 import JobRun

from container_manager_core.executor import ExecutionState, ExecutionStatus, OwnedExecution
from container_manager_core.failure import Failure, FailureKind
from container_manager_scaleway.sizes import Size
from container_manager_scaleway.translation.requests import ATTEMPT_VARIABLE, INSTALLATION_VARIABLE, JOB_VARIABLE

NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)

LIVE_STATES = ("initialized", "validated", "queued", "running", "interrupting", "retrying")

_REASONS: Mapping[str, tuple[FailureKind, bool, str]] = {
    "invalid_request": (FailureKind.SPEC, False, "correct what the message names"),
    "timeout": (FailureKind.TIMEOUT, True, "raise the timeout if that is its normal length"),
    "cancellation": (FailureKind.CANCELLED, False, ""),
    "technical_error": (FailureKind.PLATFORM, True, ""),
    "image_not_found": (
        FailureKind.IMAGE,
        False,
        "check the name and the tag, and that the image is public or in Scaleway's registry in the same region",
    ),
    "invalid_image": (FailureKind.IMAGE, False, "build the image for linux/amd64"),
    "memory_usage_exceeded": (FailureKind.OUT_OF_MEMORY, True, "give the job more memory"),
    "storage_usage_exceeded": (FailureKind.SPEC, False, "raise the host's local_storage_mib"),
    "secret_disabled": (FailureKind.SPEC, False, "enable the secret's version in Secret Manager"),
    "secret_not_found": (FailureKind.SPEC, False, "check the secret's id and revision in Secret Manager"),
    "quota_exceeded": (
        FailureKind.CAPACITY,
        True,
        "lower the host's max_concurrent_jobs, or ask Scaleway for a higher quota",
    ),
    "application_not_started": (
        FailureKind.SPEC,
        False,
        "check that the image has the command, that it may be executed, and that it is built for linux/amd64",
    ),
}


@attrs.frozen(kw_only=True)
class Run:
    """A job run.

    Attributes:
        id, definition_id: Scaleway's ids.
        installation_id, job_id, attempt: whose it is, from its variables; None when they cannot be read.
        created_at: Scaleway's time.
        size: what it was given.
        state: how it is.
    """

    id: str
    definition_id: str
    installation_id: str | None
    job_id: UUID | None
    attempt: int | None
    created_at: datetime
    size: Size
    state: ExecutionState

    @property
    def name(self) -> str:
        """The execution's name, ``cm-<job id>-<attempt>``."""
        return f"cm-{self.job_id}-{self.attempt}"

    @property
    def seconds(self) -> float:
        """How long it ran; 0 while it runs, or where Scaleway does not tell."""
        started, finished = self.state.started_at, self.state.finished_at
        return (finished - started).total_seconds() if started and finished else 0.0

    @property
    def owned(self) -> OwnedExecution:
        """The run as something that this installation started."""
        return OwnedExecution(
            execution_id=self.id,
            name=self.name,
            job_id=self.job_id,
            attempt=self.attempt,
            status=self.state.status,
            created_at=self.created_at,
        )


def is_run_id(text: str) -> bool:
    """Whether a text is a run's id as Scaleway writes one; the SDK would put any text into the address."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def run_of(run: JobRun, region: str) -> Run:
    """What Scaleway says of a run."""
    variables = run.environment_variables or {}
    attempt = variables.get(ATTEMPT_VARIABLE, "")
    return Run(
        id=run.id,
        definition_id=run.job_definition_id,
        installation_id=variables.get(INSTALLATION_VARIABLE),
        job_id=_uuid(variables.get(JOB_VARIABLE, "")),
        attempt=int(attempt) if attempt.isdecimal() else None,
        created_at=_utc(run.created_at) or datetime.now(UTC),
        size=Size(run.memory_limit, run.cpu_limit),
        state=_state(run, metadata_of(run.id, run.job_definition_id, region)),
    )


def metadata_of(run_id: str, definition_id: str, region: str) -> dict[str, Any]:
    """The facts that are kept of a run."""
    return {"job_definition_id": definition_id, "job_run_id": run_id, "region": region}


def _state(run: JobRun, metadata: Mapping[str, Any]) -> ExecutionState:
    times: dict[str, Any] = {"started_at": _utc(run.started_at), "metadata": metadata}
    word = str(run.state)
    if word == "succeeded":
        return ExecutionState(status=ExecutionStatus.EXITED, exit_code=0, finished_at=_utc(run.terminated_at), **times)
    if word not in ("failed", "interrupted"):
        return ExecutionState(status=ExecutionStatus.RUNNING, **times)
    # A code that Scaleway does not tell reads as 0, and no failed run ended with 0.
    exit_code = run.exit_code or None
    failure = _failure(run, word)
    ran = failure is None or failure.kind is FailureKind.OUT_OF_MEMORY
    return ExecutionState(
        status=ExecutionStatus.EXITED if ran and exit_code is not None else ExecutionStatus.FAILED,
        exit_code=exit_code,
        failure=failure,
        finished_at=_utc(run.terminated_at) or _utc(run.updated_at),
        **times,
    )


def _failure(run: JobRun, word: str) -> Failure | None:
    """Why a run ended badly; None when its command simply ended with a code other than 0."""
    reason = "cancellation" if word == "interrupted" else str(run.reason)
    if reason in ("exited_with_error", "unknown_reason") and run.exit_code:
        return None
    words = run.error_message or f"the run failed ({reason})"
    if reason == "exited_with_error":
        return Failure(kind=FailureKind.EXIT, message=f"{words}; Scaleway tells no exit code", retryable=True)
    kind, retryable, hint = _REASONS.get(reason, (FailureKind.PLATFORM, True, ""))
    if reason == "application_not_started":
        words = f"the command {_program(run)} cannot be started: {words}"
    return Failure(kind=kind, message=words, retryable=retryable, hint=hint)


def _program(run: JobRun) -> str:
    words = [*(run.startup_command or ()), *(run.args or ())]
    return repr(words[0]) if words else "of the image"


def _utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
