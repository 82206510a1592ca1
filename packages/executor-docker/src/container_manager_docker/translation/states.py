"""An engine's answers about containers, in our words."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from container_manager_core.executor import ExecutionState, ExecutionStatus, OwnedExecution
from container_manager_core.failure import Failure, FailureKind
from container_manager_docker.translation.configuration import ATTEMPT_LABEL, INSTALLATION_LABEL, JOB_LABEL
from container_manager_docker.translation.refusals import start_refused

NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)
RUNNING = ExecutionState(status=ExecutionStatus.RUNNING)
"""Of a listed container, which tells no more."""

_ENDED = ("exited", "dead")
_EXITED = re.compile(r"Exited \((-?[0-9]+)\)")
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")


def parse_time(text: str | None) -> datetime | None:
    """An engine's time, cut to microseconds; the zero time means that it did not happen."""
    match = _TIME.fullmatch(text or "")
    if match is None or match[1].startswith("0001-"):
        return None
    return datetime.fromisoformat(f"{match[1]}{match[2] or ''}{match[3]}").astimezone(UTC)


def is_container_id(text: str) -> bool:
    """Whether a text is a whole container id; an engine would take names and beginnings of ids too."""
    return bool(_CONTAINER_ID.fullmatch(text))


def is_ours(container: Mapping[str, Any], installation_id: str, job_id: UUID, attempt: int) -> bool:
    """Whether an inspected container is that attempt, by its labels."""
    labels = (container.get("Config") or {}).get("Labels") or {}
    return (labels.get(INSTALLATION_LABEL), labels.get(JOB_LABEL), labels.get(ATTEMPT_LABEL)) == (
        installation_id,
        str(job_id),
        str(attempt),
    )


def was_started(container: Mapping[str, Any]) -> bool:
    """Whether an inspected container ran at any time: it may never be started again."""
    return bool(container["State"]["Status"] != "created")


def parse_http_time(text: str | None) -> datetime | None:
    """The time of an engine's answer, as its header ``Date`` has it; None where it says nothing of the kind."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except ValueError:
        return None


def waiting_seconds(container: Mapping[str, Any], now: datetime | None) -> float:
    """How long an inspected container has waited for its start; for ever where its start was refused.

    Args:
        container: one that was never started.
        now: the time of the engine's answer.
    """
    if container["State"].get("Error"):
        return math.inf
    created_at = parse_time(container.get("Created"))
    if created_at is None or now is None:
        return 0.0
    return (now - created_at).total_seconds()


def state_of(container: Mapping[str, Any]) -> ExecutionState:
    """The state of an inspected container.

    One that is created counts as running: its launch goes on in another thread or worker, between the two
    calls. One whose start the engine refused has failed.
    """
    state = container["State"]
    metadata = metadata_of(container)
    started_at = parse_time(state.get("StartedAt"))
    if state["Status"] == "created" and state.get("Error"):
        refusal = start_refused(state["Error"], container["Name"].removeprefix("/"))
        return ExecutionState(status=ExecutionStatus.FAILED, failure=refusal.failure, metadata=metadata)
    if state["Status"] not in _ENDED:
        return ExecutionState(status=ExecutionStatus.RUNNING, started_at=started_at, metadata=metadata)
    finished_at = parse_time(state.get("FinishedAt"))
    if started_at is not None and finished_at is not None:
        finished_at = max(started_at, finished_at)  # the engine notes the start of a very short one after its end
    return ExecutionState(
        status=ExecutionStatus.EXITED,
        exit_code=_whole_number(state["ExitCode"]),
        failure=out_of_memory(container) if state.get("OOMKilled") else None,
        started_at=started_at,
        finished_at=finished_at,
        metadata=metadata,
    )


def out_of_memory(container: Mapping[str, Any]) -> Failure:
    """Why an inspected container ended that is known to have run out of memory."""
    limit = (container.get("HostConfig") or {}).get("Memory") or 0
    amount = f"its memory limit of {limit // 1_048_576} MiB" if limit else "the memory that the machine had"
    return Failure(
        kind=FailureKind.OUT_OF_MEMORY,
        message=f"out of memory: a process of the container was killed, as it used more than {amount}",
        hint="give the job more memory",
    )


def listed_state(container: Mapping[str, Any]) -> ExecutionState:
    """The state of a listed container: without times, and without the reason of its end."""
    if container["State"] == "removing":
        return NOT_FOUND
    if container["State"] not in _ENDED:
        return RUNNING
    match = _EXITED.match(container.get("Status") or "")
    return ExecutionState(status=ExecutionStatus.EXITED, exit_code=int(match[1]) if match else None)


def owned_execution(container: Mapping[str, Any]) -> OwnedExecution:
    """A listed container as something that this installation started."""
    labels = container.get("Labels") or {}
    names = container.get("Names") or [""]
    created = container.get("Created")
    return OwnedExecution(
        execution_id=str(container["Id"]),
        name=names[0].removeprefix("/"),
        job_id=_job_id(labels.get(JOB_LABEL, "")),
        attempt=int(text) if (text := labels.get(ATTEMPT_LABEL, "")).isdecimal() else None,
        status=listed_state(container).status,
        created_at=datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None,
    )


def metadata_of(container: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of an inspected container: container_name, container_id, network, volumes, ports."""
    settings = container.get("NetworkSettings") or {}
    return {
        "container_name": container["Name"].removeprefix("/"),
        "container_id": str(container["Id"]),
        "network": ", ".join(settings.get("Networks") or {}),
        "volumes": [
            {
                "source": mount.get("Name") or mount.get("Source") or "",
                "target": mount["Destination"],
                "read_only": not mount.get("RW", True),
            }
            for mount in container.get("Mounts") or ()
        ],
        "ports": [
            {"container_port": name, "host_address": binding["HostIp"], "host_port": int(binding["HostPort"])}
            for name, bindings in (settings.get("Ports") or {}).items()
            for binding in bindings or ()
        ],
    }


def image_digest(image: Mapping[str, Any]) -> str:
    """An inspected image's digest in its registry; its own id where it came from none."""
    digests = image.get("RepoDigests") or []
    return str(digests[0]).partition("@")[2] if digests else str(image["Id"])


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _job_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
