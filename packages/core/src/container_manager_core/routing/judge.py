"""Whether a host with room can take one job."""

from collections.abc import Callable, Mapping
from datetime import datetime

import attrs

from container_manager_core.errors import ExecutorError
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.job import Job
from container_manager_core.routing.pool import Pool
from container_manager_core.routing.slot import Slot
from container_manager_core.rules import TemplateFacts, UserFacts
from container_manager_core.spec import ContainerSpec

Obstacle = Callable[[Job, Host, datetime], str | None]
"""Why a host may not take a job now, for example a budget that is used up; None when it may."""


@attrs.frozen(kw_only=True)
class Passed:
    """Why a host was passed over.

    Attributes:
        reason: in words.
        lasting: whether waiting cannot change it.
        full: whether it would take the job if it had room.
    """

    reason: str
    lasting: bool = False
    full: bool = False


@attrs.define(eq=False, kw_only=True)
class View:
    """What is known of all jobs of one spec, so that it is found out once.

    Attributes:
        spec: the spec; jobs that were submitted alike share one.
        template: what the spec tells of it.
        user: who submitted the latest of the jobs.
        pool: the hosts for jobs without wishes of their own.
        pools: the same, narrowed by the rule of that position.
        fit: hosts that can run the spec.
        unfit: hosts that cannot, each with the reason.
    """

    spec: ContainerSpec
    template: TemplateFacts
    user: UserFacts
    pool: Pool
    pools: dict[int, Pool] = attrs.field(factory=dict)
    fit: set[Slot] = attrs.field(factory=set)
    unfit: dict[Slot, str] = attrs.field(factory=dict)

    def seen_by(self, job: Job) -> UserFacts:
        """Who submitted that job; remembered for the next one, which is often the same user's."""
        if self.user.name != (job.created_by or ""):
            self.user = UserFacts.of_job(job)
        return self.user


class Judge:
    """Says of host after host whether it can take a job, and remembers why not.

    Args:
        fleet: knows what hosts can run.
        obstacles: what else may keep a job from a host.
        job, view, now: the job, what is known of its spec, and when.
        avoid: hosts to pass over, with the reasons.
    """

    def __init__(
        self,
        fleet: Fleet,
        obstacles: tuple[Obstacle, ...],
        job: Job,
        view: View,
        now: datetime,
        avoid: Mapping[str, str],
    ) -> None:
        self._fleet = fleet
        self._obstacles = obstacles
        self._job = job
        self._view = view
        self._now = now
        self.avoid = avoid
        self.passed: dict[Slot, Passed] = {}

    def __call__(self, slot: Slot) -> bool:
        """Whether the host can take the job; it has room."""
        passed = self._look(slot)
        if passed is None:
            self.passed.pop(slot, None)
        else:
            self.passed[slot] = passed
        return passed is None

    def why_not(self, slot: Slot) -> Passed | None:
        """Why it cannot, or None when it can."""
        return self.passed.get(slot) or self._look(slot)

    def _look(self, slot: Slot) -> Passed | None:
        if slot.host.name in self.avoid:
            return Passed(reason=self.avoid[slot.host.name], full=True)
        inability = why_unfit(self._fleet, self._view, slot)
        if inability is not None:
            return inability
        for obstacle in self._obstacles:
            reason = obstacle(self._job, slot.host, self._now)
            if reason is not None:
                return Passed(reason=reason)
        return None


def why_unfit(fleet: Fleet, view: View, slot: Slot) -> Passed | None:
    """Why a host cannot run a spec, or None when it can; found out once."""
    if slot in view.fit:
        return None
    problem = view.unfit.get(slot)
    if problem is None:
        try:
            problem = fleet.why_not(slot.host.name, view.spec)
        except ExecutorError as error:
            return Passed(reason=str(error))
        if problem is None:
            view.fit.add(slot)
            return None
        view.unfit[slot] = problem
    return Passed(reason=problem, lasting=True)
