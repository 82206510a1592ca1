"""One job in a worker's hands, and what is to be done with it next."""

from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from container_manager_core.job import Job, JobStatus, StopReason
from container_manager_core.lanes import Lane

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
RECHECK_SECONDS = 0.5
_LONGEST_SECONDS = 1000 * 366 * 86400.0


class Step(StrEnum):
    """One operation on a job."""

    LAUNCH = "launch"
    RECOVER = "recover"
    """Look whether an attempt was started that may have been."""
    RELAUNCH = "relaunch"
    """Look, and start it if it was not: it would be seen by now."""
    REFRESH = "refresh"
    EXTEND = "extend"
    STOP = "stop"
    HARVEST = "harvest"
    LOSE = "lose"
    CLEANUP = "cleanup"

    @property
    def lane(self) -> Lane:
        """Where it runs."""
        return _LANES[self]


_LANES = {
    Step.LAUNCH: Lane.LAUNCH,
    Step.RECOVER: Lane.LAUNCH,
    Step.RELAUNCH: Lane.LAUNCH,
    Step.REFRESH: Lane.FINISH,
    Step.EXTEND: Lane.FINISH,
    Step.STOP: Lane.STOP,
    Step.HARVEST: Lane.FINISH,
    Step.LOSE: Lane.FINISH,
    Step.CLEANUP: Lane.FINISH,
}

_REPEATED = (Step.LAUNCH, Step.RECOVER, Step.RELAUNCH, Step.HARVEST)


@attrs.define(eq=False)
class Held:
    """A job under this worker's lease.

    Attributes:
        job: as it is stored.
        asked_at: monotonic time after which nobody has asked the platform to start it; None when nobody ever has.
        busy: a step is under way; everything else waits for it.
        stop: why it is to be stopped, if it is.
        unpaid: it has used up what was held back for it.
        stopped: the platform has confirmed the stop.
        ended: the platform says that the execution is over.
        missing_since: monotonic time since which the platform does not know it.
        lost: it was missing for too long.
        watched: somebody follows the output.
        not_before: monotonic time before which no step is tried.
        failures: failed steps in a row.
    """

    job: Job
    asked_at: float | None = None
    busy: bool = False
    stop: StopReason | None = None
    unpaid: bool = False
    stopped: bool = False
    ended: bool = False
    missing_since: float | None = None
    lost: bool = False
    watched: bool = False
    not_before: float = 0.0
    failures: int = 0

    @property
    def host(self) -> str:
        """Where the attempt runs."""
        return self.job.execution.host if self.job.execution else ""

    @property
    def execution_id(self) -> str | None:
        """The platform's id, once it is known."""
        return self.job.execution.execution_id if self.job.execution else None

    @property
    def works(self) -> bool:
        """Whether it takes up one of the worker's places."""
        return self.job.status.is_live

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do for it."""
        return not (self.busy or self.works or self.job.needs_attention)

    @property
    def deadline(self) -> datetime | None:
        """When the present status must have ended: its time is up, or the money for it."""
        return min((time for time in (self._time_is_up, self._paid_until) if time is not None), default=None)

    def note_deadline(self, now: datetime) -> None:
        """The deadline has come."""
        if self._time_is_up is not None and self._time_is_up <= now:
            self.stop = self.stop or StopReason.TIMEOUT
        else:
            self.unpaid = True

    @property
    def _time_is_up(self) -> datetime | None:
        job, execution = self.job, self.job.execution
        if execution is None or not job.status.is_live:
            return None
        if job.status is JobStatus.LAUNCHING:
            limit, since = job.spec.launch_timeout_seconds, execution.created_at
        else:
            limit, since = job.spec.timeout_seconds, execution.started_at or execution.created_at
        return None if limit is None else since + timedelta(seconds=limit)

    @property
    def _paid_until(self) -> datetime | None:
        execution = self.job.execution
        if execution is None or self.job.status is not JobStatus.RUNNING or execution.paid_seconds is None:
            return None
        if self.stop is not None:
            return None
        since = execution.started_at or execution.created_at
        return since + timedelta(seconds=min(execution.paid_seconds, _LONGEST_SECONDS))

    def next_step(self, now: float, grace_seconds: float) -> Step | None:
        """What to do now; None while there is nothing to do or something is under way.

        Args:
            now: monotonic seconds.
            grace_seconds: how long after a start the platform may not show it yet.
        """
        if self.busy or self.not_before > now:
            return None
        if self.job.status is JobStatus.LAUNCHING:
            return self._next_of_launching(now, grace_seconds)
        if self.job.status is JobStatus.RUNNING:
            return self._next_of_running()
        return Step.CLEANUP if self.job.needs_attention else None

    def _next_of_launching(self, now: float, grace_seconds: float) -> Step:
        if self.asked_at is None:
            return Step.LAUNCH if self.stop is None else Step.RELAUNCH
        return Step.RELAUNCH if now - self.asked_at > grace_seconds else Step.RECOVER

    def _next_of_running(self) -> Step | None:
        if self.ended or self.stopped:
            return Step.HARVEST
        if self.lost:
            return Step.LOSE
        if self.stop is not None:
            return Step.STOP
        if self.unpaid:
            return Step.EXTEND
        return Step.REFRESH if self.watched else None

    def note_performed(self, step: Step, before: Job, error: Exception | None, now: float) -> None:
        """A step is over; ``job`` is as it is stored after it.

        Args:
            before: the job as it was before the step.
            error: why the step failed; it is tried again after a pause that doubles.
            now: monotonic seconds.
        """
        self.busy = False
        if step in (Step.LAUNCH, Step.RELAUNCH):
            self.asked_at = now
        if error is not None:
            self.failures += 1
            self.not_before = now + min(FIRST_PAUSE_SECONDS * 2 ** min(self.failures - 1, 16), LONGEST_PAUSE_SECONDS)
            return
        self.failures = 0
        if step is Step.STOP:
            self.stopped = True
        elif step is Step.EXTEND:
            self.unpaid = False
            self.stop = self.stop or (self.job.execution.stop_reason if self.job.execution else None)
        elif self.job.status is before.status and step in _REPEATED:
            self.ended = self.stopped = False
            # The longer a start has not shown itself, the less a look is worth.
            unseen = now - self.asked_at if step is Step.RECOVER and self.asked_at is not None else 0.0
            self.not_before = now + max(RECHECK_SECONDS, unseen / 4)
