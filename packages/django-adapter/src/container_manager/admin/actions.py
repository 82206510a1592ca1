"""What people do to jobs: each named, explained, permitted and carried out in one place."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import attrs

from container_manager.manager import get_manager
from container_manager_core.errors import ContainerManagerError
from container_manager_core.job import Job, JobStatus

MOST_AT_ONCE = 1000
MOST_STARTED = 20


@attrs.frozen(kw_only=True)
class JobAction:
    """One thing to do.

    Attributes:
        name: of the action, its permission and its address.
        verb: on the button.
        done: in the message afterwards.
        explanation: on the page that asks whether it is meant.
        most: so many jobs at once.
        apply: does it to one job. Raises the core's errors.
    """

    name: str
    verb: str
    done: str
    explanation: str
    most: int
    apply: Callable[[UUID], Job]

    @property
    def permission(self) -> str:
        """What a person needs for it."""
        return f"container_manager.{self.name}_containerjob"


def _start(job_id: UUID) -> Job:
    return get_manager().launch(job_id)


def _cancel(job_id: UUID) -> Job:
    return get_manager().cancel(job_id)


def _restart(job_id: UUID) -> Job:
    return get_manager().restart(job_id)


ACTIONS: Mapping[str, JobAction] = {
    action.name: action
    for action in (
        JobAction(
            name="start",
            verb="Start now",
            done="Started",
            explanation="Each is started now from this server, without waiting for a worker; a worker watches it then.",
            most=MOST_STARTED,
            apply=_start,
        ),
        JobAction(
            name="cancel",
            verb="Stop or cancel",
            done="Asked to stop",
            explanation="Those that wait are cancelled; those that run are asked to end, and killed if they do not.",
            most=MOST_AT_ONCE,
            apply=_cancel,
        ),
        JobAction(
            name="restart",
            verb="Restart",
            done="Restarted",
            explanation="Each runs once more, as another attempt; its former attempts and their output stay.",
            most=MOST_AT_ONCE,
            apply=_restart,
        ),
    )
}


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of an action.

    Attributes:
        done: the jobs that it was done to.
        waiting: those that still wait, with the reason.
        refused: those that it could not be done to, with the reason.
    """

    done: list[UUID] = attrs.field(factory=list)
    waiting: dict[UUID, str] = attrs.field(factory=dict)
    refused: dict[UUID, str] = attrs.field(factory=dict)


def carry_out(action: JobAction, job_ids: Any) -> Outcome:
    """Do it to every job that allows it; the others are reported."""
    outcome = Outcome()
    for job_id in job_ids:
        try:
            job = action.apply(job_id)
        except ContainerManagerError as error:
            outcome.refused[job_id] = str(error)
            continue
        if action.name == "start" and job.status is JobStatus.PENDING:
            outcome.waiting[job_id] = job.waiting or "no host takes it now"
        else:
            outcome.done.append(job_id)
    return outcome
