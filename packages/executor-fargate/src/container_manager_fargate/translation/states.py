"""The platform's answers about tasks, in our words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from container_manager_core.executor import ExecutionState, ExecutionStatus, OwnedExecution
from container_manager_core.failure import Failure, FailureKind
from container_manager_fargate.translation.definition import ATTEMPT_TAG, INSTALLATION_TAG, JOB_TAG

NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)
STOP_REASON = "container-manager: stopped on request"
"""What a task that we stopped bears for ever: whoever looks at it later knows."""

_ARN = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task/(?P<cluster>[A-Za-z0-9_-]+)/(?P<id>[0-9a-f]{32,36})")

_CANNOT_START: tuple[tuple[str, FailureKind, bool, str], ...] = (
    (
        r"CannotPull.*(toomanyrequests|too many requests|rate limit|\b429\b)",
        FailureKind.PLATFORM,
        True,
        "wait, or copy the image to a registry of your own",
    ),
    (
        r"CannotPull.*(not found|does not exist|no such host|manifest unknown|name unknown)",
        FailureKind.IMAGE,
        False,
        "check the image's name and tag",
    ),
    (
        r"CannotPull.*(403 forbidden|no basic auth|unauthorized|not authorized|denied)",
        FailureKind.CREDENTIALS,
        False,
        "let the execution role pull from the registry",
    ),
    (
        r"CannotPull.*(no match for platform|no matching manifest|image manifest does not contain)",
        FailureKind.IMAGE,
        False,
        "ask for a platform that the image has",
    ),
    (
        r"CannotPull.*(timeout|deadline exceeded|connection refused|no route)",
        FailureKind.IMAGE,
        True,
        "give the subnets a way to the registry: assign_public_ip, a NAT gateway or a VPC endpoint",
    ),
    (r"CannotPull", FailureKind.IMAGE, False, "check the image's name and tag, and the execution role"),
    (
        r"(secret|registry auth|parameter).*(AccessDenied|not authorized)",
        FailureKind.CREDENTIALS,
        False,
        "let the execution role read the secret",
    ),
    (r"unable to (pull|retrieve) secret|ParameterNotFound", FailureKind.SPEC, False, "check the secret's name"),
    (r"log group does not exist|logger|log driver", FailureKind.SPEC, False, "create the host's log_group"),
    (
        r"exec: |exec format|executable file|no such file|permission denied|not a directory",
        FailureKind.SPEC,
        False,
        "check that the image has the command, that it may be executed, and that it fits the architecture",
    ),
    (
        r"unable to find (user|group)|no matching entries in",
        FailureKind.SPEC,
        False,
        "name a user that the image knows, or a number",
    ),
    (r"capacity is unavailable", FailureKind.CAPACITY, True, "wait, or use another host"),
    (
        r"ResourceInitializationError",
        FailureKind.PLATFORM,
        True,
        "check that the subnets reach ECR, Secrets Manager and CloudWatch Logs",
    ),
)


def task_id(execution_id: str) -> str | None:
    """The id in a task's ARN; None for a text that is no such ARN."""
    match = _ARN.fullmatch(execution_id)
    return match["id"] if match else None


def state_of(task: Mapping[str, Any]) -> ExecutionState:
    """The state of a described task."""
    container = (task.get("containers") or [{}])[0]
    metadata = metadata_of(task)
    started_at = _time(task.get("startedAt"))
    if task.get("lastStatus") != "STOPPED":
        return ExecutionState(status=ExecutionStatus.RUNNING, started_at=started_at, metadata=metadata)
    exit_code = container.get("exitCode")
    finished_at = _time(task.get("executionStoppedAt")) or _time(task.get("stoppedAt"))
    if started_at is not None and finished_at is not None:
        finished_at = max(started_at, finished_at)
    return ExecutionState(
        status=ExecutionStatus.FAILED if exit_code is None else ExecutionStatus.EXITED,
        exit_code=exit_code,
        failure=_failure(task, container, exit_code),
        started_at=started_at,
        finished_at=finished_at,
        metadata=metadata,
    )


def owned_execution(task: Mapping[str, Any]) -> OwnedExecution:
    """A described task as something that this installation started."""
    tags = tags_of(task)
    attempt = tags.get(ATTEMPT_TAG, "")
    return OwnedExecution(
        execution_id=task["taskArn"],
        name=task.get("startedBy", ""),
        job_id=_job_id(tags.get(JOB_TAG, "")),
        attempt=int(attempt) if attempt.isdecimal() else None,
        status=state_of(task).status,
        created_at=_time(task.get("createdAt")),
    )


def forgotten_execution(execution_id: str, created_ms: int) -> OwnedExecution:
    """A task that the platform has forgotten, an hour after its end, while its output is still there."""
    return OwnedExecution(
        execution_id=execution_id,
        name="",
        job_id=None,
        attempt=None,
        status=ExecutionStatus.FAILED,
        created_at=datetime.fromtimestamp(created_ms / 1000, UTC),
    )


def is_owned(task: Mapping[str, Any], installation_id: str) -> bool:
    """Whether a task described with its tags belongs to an installation."""
    return tags_of(task).get(INSTALLATION_TAG) == installation_id


def tags_of(task: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a described task."""
    return {tag["key"]: tag.get("value", "") for tag in task.get("tags") or ()}


def metadata_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """The facts: task_arn, task_definition, cluster, launch_type, platform_version, availability_zone, private_ip."""
    facts = {
        "task_arn": task["taskArn"],
        "task_definition": task.get("taskDefinitionArn", "").rpartition("/")[2],
        "cluster": task.get("clusterArn", "").rpartition("/")[2],
        "launch_type": task.get("capacityProviderName") or task.get("launchType"),
        "platform_version": task.get("platformVersion"),
        "availability_zone": task.get("availabilityZone"),
        "private_ip": _private_ip(task),
    }
    return {name: value for name, value in facts.items() if value}


def billed_seconds(task: Mapping[str, Any]) -> float:
    """From the beginning of the image pull to the end of a stopped task; 0 for one that never got so far."""
    began, ended = _time(task.get("pullStartedAt")), _time(task.get("stoppedAt"))
    return max(0.0, (ended - began).total_seconds()) if began and ended else 0.0


def _failure(task: Mapping[str, Any], container: Mapping[str, Any], exit_code: int | None) -> Failure | None:
    code, reason = task.get("stopCode", ""), str(task.get("stoppedReason") or "")
    words = str(container.get("reason") or "")
    if "OutOfMemory" in words + reason:
        return Failure(
            kind=FailureKind.OUT_OF_MEMORY,
            message=f"out of memory: {words or reason} (the task had {task.get('memory')} MiB)",
            hint="give the job more memory",
        )
    if code in ("SpotInterruption", "TerminationNotice"):
        return Failure(
            kind=FailureKind.LOST, message=f"the platform took the task away: {reason} ({code})", retryable=True
        )
    if code == "UserInitiated":
        return _stopped(reason)
    if exit_code is not None:
        return None
    return _start_failure(task, container, words or reason)


def _stopped(reason: str) -> Failure | None:
    if reason == STOP_REASON:
        return Failure(kind=FailureKind.CANCELLED, message="somebody asked for it to be stopped")
    return Failure(
        kind=FailureKind.LOST,
        message=f"somebody at the platform stopped the task: {reason}",
        retryable=True,
        hint="look in CloudTrail who called StopTask",
    )


def _start_failure(task: Mapping[str, Any], container: Mapping[str, Any], words: str) -> Failure:
    image = container.get("image", "")
    text = f"the task with the image {image!r} could not be started: {words}"
    for pattern, kind, retryable, hint in _CANNOT_START:
        if re.search(pattern, words, re.I | re.S):
            return Failure(kind=kind, message=text, retryable=retryable, hint=hint)
    return Failure(kind=FailureKind.PLATFORM, message=f"{text} ({task.get('stopCode', 'no code')})", retryable=True)


def _private_ip(task: Mapping[str, Any]) -> str | None:
    for attachment in task.get("attachments") or ():
        for detail in attachment.get("details") or ():
            if detail.get("name") == "privateIPv4Address":
                return str(detail.get("value"))
    return None


def _time(value: Any) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def _job_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
