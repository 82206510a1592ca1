"""What the platform says of executions and definitions, in our words."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
from google.cloud import run_v2

from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.translation.definition import ATTEMPT_VARIABLE, INSTALLATION_LABEL, JOB_VARIABLE
from container_manager_core.errors import ExecutorError, PermanentError, TransientError
from container_manager_core.executor import ExecutionState, ExecutionStatus, OwnedExecution
from container_manager_core.failure import Failure, FailureKind

NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)

_SIGNAL = 128
_Common = run_v2.Condition.CommonReason
_Execution = run_v2.Condition.ExecutionReason
_ID = re.compile(r"(projects/[^/\s]+/locations/[^/\s]+)/jobs/([a-z][a-z0-9-]*)/executions/([a-z][a-z0-9-]*)")

_REASONS: tuple[tuple[re.Pattern[str], FailureKind, bool, str], ...] = (
    (
        re.compile(r"memory limit", re.IGNORECASE),
        FailureKind.OUT_OF_MEMORY,
        True,
        "ask for more memory",
    ),
    (
        re.compile(r"timeout was reached|maximum timeout|deadline exceeded", re.IGNORECASE),
        FailureKind.TIMEOUT,
        True,
        "raise the timeout if that is its normal length",
    ),
    (
        re.compile(r"image .*not found|failed to pull|pull image|manifest unknown", re.IGNORECASE),
        FailureKind.IMAGE,
        False,
        "check the name and the tag, and that Cloud Run's service agent may read the repository",
    ),
    (
        re.compile(r"failed to start|failed to load|exec format|exec likely failed", re.IGNORECASE),
        FailureKind.SPEC,
        False,
        "check that the command is in the image, and built for linux/amd64",
    ),
    (
        re.compile(r"(?:network|connector) .*not found", re.IGNORECASE),
        FailureKind.SPEC,
        False,
        "check the host's vpc_connector",
    ),
    (
        re.compile(r"permission|unauthorized|access denied|secret", re.IGNORECASE),
        FailureKind.CREDENTIALS,
        False,
        "give the host's service_account what it needs",
    ),
    (
        re.compile(r"quota|capacity|resource readiness|no available instance", re.IGNORECASE),
        FailureKind.CAPACITY,
        True,
        "wait, use another region, or ask for a higher quota",
    ),
)
_DEFINITION_KINDS = {
    _Common.CONTAINER_MISSING: FailureKind.IMAGE,
    _Common.CONTAINER_PERMISSION_DENIED: FailureKind.CREDENTIALS,
    _Common.CONTAINER_IMAGE_UNAUTHORIZED: FailureKind.CREDENTIALS,
    _Common.CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED: FailureKind.CREDENTIALS,
    _Common.SECRETS_ACCESS_CHECK_FAILED: FailureKind.CREDENTIALS,
    _Common.ENCRYPTION_KEY_PERMISSION_DENIED: FailureKind.CREDENTIALS,
}
_DEFINITION_HINTS = {
    FailureKind.IMAGE: "check the name and the tag; Cloud Run reads Artifact Registry and Docker Hub",
    FailureKind.CREDENTIALS: "let the host's service_account read the secret, and Cloud Run's agent the repository",
    FailureKind.SPEC: "change what the message names",
}


@attrs.frozen(kw_only=True)
class ExecutionName:
    """The parts of an execution's id, which is its resource name.

    Attributes:
        parent: the region's resource name.
        job, execution: the last parts of the definition's and the execution's names.
    """

    parent: str
    job: str
    execution: str

    @classmethod
    def parse(cls, execution_id: str, options: CloudRunOptions) -> "ExecutionName | None":
        """The parts; None for what is no id of this host's."""
        match = _ID.fullmatch(execution_id)
        if match is None or match[1] != options.parent:
            return None
        return cls(parent=match[1], job=match[2], execution=match[3])

    @property
    def definition(self) -> str:
        """The definition's resource name."""
        return f"{self.parent}/jobs/{self.job}"


def marker_of(execution: run_v2.Execution) -> tuple[UUID | None, int | None]:
    """Whose execution it is: the job's id and the attempt, from its variables."""
    containers = execution.template.containers
    variables = {variable.name: variable.value for variable in containers[0].env} if containers else {}
    try:
        return UUID(variables.get(JOB_VARIABLE, "")), int(variables.get(ATTEMPT_VARIABLE, ""))
    except ValueError:
        return None, None


def is_owned(labels: Any, installation: str) -> bool:
    """Whether labels are those of an installation."""
    return bool(labels.get(INSTALLATION_LABEL) == installation)


def has_ended(execution: run_v2.Execution) -> bool:
    """Whether the execution is over."""
    return bool(execution.completion_time)


def needs_task(execution: run_v2.Execution) -> bool:
    """Whether only its task tells how it ended."""
    return has_ended(execution) and not execution.succeeded_count


def state_of(execution: run_v2.Execution, task: run_v2.Task | None = None) -> ExecutionState:
    """The state of an execution.

    Args:
        execution: what the platform says of it.
        task: its task, where `needs_task` asks for it.
    """
    facts: dict[str, Any] = {
        "started_at": _time(execution.start_time),
        "finished_at": _time(execution.completion_time),
        "metadata": metadata_of(execution),
    }
    if not has_ended(execution):
        return ExecutionState(status=ExecutionStatus.RUNNING, **facts)
    if execution.succeeded_count:
        return ExecutionState(status=ExecutionStatus.EXITED, exit_code=0, **facts)
    code, words = _result_of(task)
    words = words or next((condition.message for condition in execution.conditions if condition.message), "")
    if execution.cancelled_count or _reason_of(execution) is _Execution.CANCELLED:
        failure = Failure(kind=FailureKind.CANCELLED, message="somebody cancelled the execution on Cloud Run")
        return ExecutionState(status=ExecutionStatus.FAILED, exit_code=code, failure=failure, **facts)
    found = _failure_of(words)
    if found is None and code is None:
        found = Failure(kind=FailureKind.PLATFORM, message=words or "Cloud Run does not say why", retryable=True)
    status = ExecutionStatus.FAILED if code is None else ExecutionStatus.EXITED
    return ExecutionState(status=status, exit_code=code, failure=found, **facts)


def metadata_of(execution: run_v2.Execution) -> dict[str, Any]:
    """The platform's facts of an execution."""
    parts = execution.name.split("/")
    return {
        "job_name": parts[5],
        "execution_name": parts[7],
        "region": parts[3],
        "project": parts[1],
        "generation": int(execution.generation),
    }


def owned_execution(execution: run_v2.Execution) -> OwnedExecution:
    """An execution as the reconciler sees it."""
    job_id, attempt = marker_of(execution)
    status = ExecutionStatus.RUNNING
    if has_ended(execution):
        by_itself = execution.succeeded_count or _reason_of(execution) is _Execution.NON_ZERO_EXIT_CODE
        status = ExecutionStatus.EXITED if by_itself else ExecutionStatus.FAILED
    return OwnedExecution(
        execution_id=execution.name,
        name=f"cm-{job_id}-{attempt}" if job_id else execution.name.rpartition("/")[2],
        job_id=job_id,
        attempt=attempt,
        status=status,
        created_at=_time(execution.create_time),
    )


def definition_refused(job: run_v2.Job) -> ExecutorError | None:
    """Why nothing can be run of a definition; None when all is well."""
    condition = job.terminal_condition
    if condition.state is not run_v2.Condition.State.CONDITION_FAILED:
        return None
    image = job.template.template.containers[0].image
    message = f"Cloud Run cannot use the image {image!r}: {condition.message}"
    kind = _DEFINITION_KINDS.get(condition.reason)
    if kind is None and (failure := _failure_of(condition.message)) is not None and not failure.retryable:
        kind = failure.kind
    if kind is None:
        return TransientError(message)
    return PermanentError(message, kind, _DEFINITION_HINTS.get(kind, ""))


def last_used(job: run_v2.Job) -> datetime:
    """When a definition was made or last run."""
    times = (job.create_time, job.latest_created_execution.create_time, job.latest_created_execution.completion_time)
    known = [found for moment in times if (found := _time(moment)) is not None]
    return max(known, default=datetime.max.replace(tzinfo=UTC))


def _failure_of(words: str) -> Failure | None:
    for pattern, kind, retryable, hint in _REASONS:
        if pattern.search(words):
            return Failure(kind=kind, message=words, retryable=retryable, hint=hint)
    return None


def _result_of(task: run_v2.Task | None) -> tuple[int | None, str]:
    """The exit code, if the command ended with one, and the platform's words."""
    if task is None:
        return None, ""
    result = task.last_attempt_result
    if result.term_signal:
        return _SIGNAL + result.term_signal, result.status.message
    return result.exit_code or None, result.status.message


def _reason_of(execution: run_v2.Execution) -> Any:
    for condition in execution.conditions:
        if condition.execution_reason is not _Execution.EXECUTION_REASON_UNDEFINED:
            return condition.execution_reason
    return None


def _time(moment: Any) -> datetime | None:
    """A time of the platform's; None for one that is not set."""
    if not moment:
        return None
    return datetime.fromtimestamp(moment.timestamp(), UTC)
