"""What other rules would have made of past jobs."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

import attrs

from container_manager_core.errors import ExecutorError
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.job import Job, JobStatus
from container_manager_core.routing.decision import Refusal
from container_manager_core.routing.router import FactsOf, Router
from container_manager_core.routing.selector import Selector
from container_manager_core.rules import Facts, Rule, default_facts


@attrs.frozen(kw_only=True)
class Move:
    """A job that would have gone elsewhere.

    Attributes:
        job_id, name: the job.
        before, after: its host, and the one it would have gone to; None when none could take it.
        reason: why it would.
        cost_before, cost_after: both by the present prices and for the time that it ran.
    """

    job_id: UUID
    name: str
    before: str
    after: str | None
    reason: str
    cost_before: Decimal
    cost_after: Decimal


@attrs.frozen(kw_only=True)
class Replay:
    """What would change.

    Attributes:
        jobs: how many jobs were looked at.
        moves: those that would have gone elsewhere.
        cost_before, cost_after: of all jobs.
    """

    jobs: int
    moves: tuple[Move, ...]
    cost_before: Decimal
    cost_after: Decimal


def replay(
    jobs: Iterable[Job],
    fleet: Fleet,
    rules: Iterable[Rule],
    facts_of: FactsOf = default_facts,
) -> Replay:
    """Decide past jobs anew, as if every host answered and had room.

    A job stays on its host where the rules still allow that host as well as any other: weights alone move
    nothing.

    Args:
        jobs: those without an attempt are passed over.
    """
    router = Router(fleet, rules=rules, facts_of=facts_of)
    looked_at, moves, before, after = 0, list[Move](), Decimal(0), Decimal(0)
    for job in jobs:
        if job.execution is None:
            continue
        move = _decided_anew(job, fleet, router, facts_of)
        looked_at += 1
        before += move.cost_before
        after += move.cost_after
        if move.after != move.before:
            moves.append(move)
    return Replay(jobs=looked_at, moves=tuple(moves), cost_before=before, cost_after=after)


def _decided_anew(job: Job, fleet: Fleet, router: Router, facts_of: FactsOf) -> Move:
    router.refresh({})
    as_new = attrs.evolve(
        job, status=JobStatus.PENDING, attempt=0, execution=None, failure=None, exit_code=None, route=None
    )
    decision = router.decide(as_new, job.queued_at)
    route = decision.route if isinstance(decision, Refusal) else decision
    before = fleet.hosts.get(job.host or "")
    rule = router.rules.rules[route.rule - 1] if route.rule else None
    stays = before is not None and _may_stay(job, before, rule, fleet, facts_of(as_new))
    after = before if stays else fleet.hosts.get(route.host or "")
    seconds = _seconds(job)
    cost_before = fleet.price(before.name, job.spec).cost(seconds) if before else job.actual_cost or Decimal(0)
    return Move(
        job_id=job.id,
        name=job.name,
        before=job.host or "",
        after=after.name if after else None,
        reason=route.reason,
        cost_before=cost_before,
        cost_after=fleet.price(after.name, job.spec).cost(seconds) if after else Decimal(0),
    )


def _may_stay(job: Job, host: Host, rule: Rule | None, fleet: Fleet, facts: Facts) -> bool:
    """Whether the job's host is as good as the one that was chosen now."""
    sent_by_rule = job.route is not None and job.route.rule is not None
    if rule is None and sent_by_rule:
        return False
    selector: Selector | None = Selector.of_spec(job.spec, facts.template.supported_executors).wished(job)
    if rule is not None and selector is not None:
        selector = selector.narrowed(rule)
    executor_type = fleet.plugins.executor_types.get(host.executor)
    if selector is None or selector.why_not(host, executor_type) is not None or not host.active:
        return False
    try:
        return fleet.why_not(host.name, job.spec) is None
    except ExecutorError:
        return True  # it cannot tell now, but it ran the job


def _seconds(job: Job) -> float:
    """How long the latest attempt ran."""
    execution = job.execution
    if execution is None or execution.started_at is None or execution.finished_at is None:
        return 0.0
    return max(0.0, (execution.finished_at - execution.started_at).total_seconds())
