"""What people do to jobs: each named, explained, permitted and carried out in one place."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

import attrs

from container_manager.manager import get_manager
from container_manager_core.errors import ContainerManagerError
from container_manager_core.job import Job, JobStatus
from container_manager_core.store.protocol import JobQuery

MOST_AT_ONCE = 1000
MOST_STARTED = 20


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


@attrs.frozen(kw_only=True)
class JobAction:
    """One thing to do.

    Attributes:
        name: of the action, its permission and its address.
        verb: on the button.
        done: in the message afterwards, before the host where it needs one.
        explanation: on the page that asks whether it is meant.
        most: so many jobs at once.
        carry_out: does it to every job that allows it, and reports the others. Takes the name of a host too, which is
            empty where it needs none.
        needs_host: whether the person chooses a host.
    """

    name: str
    verb: str
    done: str
    explanation: str
    most: int
    carry_out: Callable[[Sequence[UUID], str], Outcome]
    needs_host: bool = False

    @property
    def permission(self) -> str:
        """What a person needs for it."""
        return f"container_manager.{self.name}_containerjob"


def _one_by_one(job_ids: Iterable[UUID], apply: Callable[[UUID], Job]) -> Outcome:
    outcome = Outcome()
    for job_id in job_ids:
        try:
            apply(job_id)
        except ContainerManagerError as error:
            outcome.refused[job_id] = str(error)
        else:
            outcome.done.append(job_id)
    return outcome


def _start(job_ids: Sequence[UUID], host: str) -> Outcome:
    started: dict[UUID, Job] = {}

    def start(job_id: UUID) -> Job:
        started[job_id] = get_manager().launch(job_id)
        return started[job_id]

    outcome = _one_by_one(job_ids, start)
    waiting = [job_id for job_id, job in started.items() if job.status is JobStatus.PENDING]
    return attrs.evolve(
        outcome,
        done=[job_id for job_id in outcome.done if job_id not in waiting],
        waiting={job_id: started[job_id].waiting or "no host takes it now" for job_id in waiting},
    )


def _cancel(job_ids: Sequence[UUID], host: str) -> Outcome:
    return _one_by_one(job_ids, get_manager().cancel)


def _restart(job_ids: Sequence[UUID], host: str) -> Outcome:
    return _one_by_one(job_ids, get_manager().restart)


def _move(job_ids: Sequence[UUID], host: str) -> Outcome:
    try:
        result = get_manager().bulk.move(JobQuery(ids=job_ids), host)
    except ContainerManagerError as error:
        return Outcome(refused=dict.fromkeys(job_ids, str(error)))
    moved, reasons = set(result.done), dict(result.left)
    refused = {job_id: reasons.get(job_id, "it has ended; restart it") for job_id in job_ids if job_id not in moved}
    return Outcome(done=[job_id for job_id in job_ids if job_id in moved], refused=refused)


ACTIONS: Mapping[str, JobAction] = {
    action.name: action
    for action in (
        JobAction(
            name="start",
            verb="Start now",
            done="Started",
            explanation="Each is started now from this server, without waiting for a worker; a worker watches it then.",
            most=MOST_STARTED,
            carry_out=_start,
        ),
        JobAction(
            name="cancel",
            verb="Stop or cancel",
            done="Asked to stop",
            explanation="Those that wait are cancelled; those that run are asked to end, and killed if they do not.",
            most=MOST_AT_ONCE,
            carry_out=_cancel,
        ),
        JobAction(
            name="restart",
            verb="Restart",
            done="Restarted",
            explanation="Each runs once more, as another attempt; its former attempts and their output stay.",
            most=MOST_AT_ONCE,
            carry_out=_restart,
        ),
        JobAction(
            name="move",
            verb="Move",
            done="Moved to",
            explanation="Those that wait go to the host; those that run are stopped, and start anew there.",
            most=MOST_AT_ONCE,
            carry_out=_move,
            needs_host=True,
        ),
    )
}
