"""A dry run of a spec on every host."""

from decimal import Decimal

import attrs

from container_manager_core.costs.estimate import Price, expected_seconds
from container_manager_core.errors import ContainerManagerError, ExecutorError, InvalidInput
from container_manager_core.executor import Plan, Problem
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.spec import ContainerSpec


@attrs.frozen(kw_only=True)
class HostPlan:
    """What a spec would be on a host.

    Attributes:
        host, executor: where.
        plan: what the executor says: size as the platform rounds it, problems with their remedies, notes.
        cost_per_hour_low, cost_per_hour_high: the host's own price where it has one, else the platform's.
        cost_per_job: for each start.
        expected_seconds: how long a run is expected to take.
        estimated_cost: what a run of that length is going to cost, as routing estimates it.
    """

    host: str
    executor: str
    plan: Plan
    cost_per_hour_low: Decimal
    cost_per_hour_high: Decimal
    cost_per_job: Decimal
    expected_seconds: float
    estimated_cost: Decimal


def plan_everywhere(fleet: Fleet, spec: ContainerSpec) -> list[HostPlan]:
    """The dry run on each host, in order. Starts nothing; a host that cannot be used says so in its problems."""
    return [_plan_on(fleet, host, spec) for host in fleet.hosts.values()]


def _plan_on(fleet: Fleet, host: Host, spec: ContainerSpec) -> HostPlan:
    price = Price(per_job=host.cost_per_job, per_hour=host.cost_per_hour)
    try:
        plan = fleet.executor(host.name).plan(spec)
        price = fleet.price(host.name, spec)
    except ContainerManagerError as error:
        plan = Plan(problems=(_problem(host, error),))
    low, high = price.per_hour, price.per_hour
    if not host.cost_per_hour and plan.cost_per_hour_low is not None:
        low = plan.cost_per_hour_low
        high = plan.cost_per_hour_high if plan.cost_per_hour_high is not None else max(low, high)
    seconds = expected_seconds(host, spec)
    return HostPlan(
        host=host.name,
        executor=host.executor,
        plan=plan,
        cost_per_hour_low=low,
        cost_per_hour_high=high,
        cost_per_job=host.cost_per_job,
        expected_seconds=seconds,
        estimated_cost=price.cost(seconds),
    )


def _problem(host: Host, error: ContainerManagerError) -> Problem:
    if isinstance(error, InvalidInput):
        return Problem(place=error.place, message=error.problem, remedy=error.remedy)
    hint = error.hint if isinstance(error, ExecutorError) else ""
    message = error.message if isinstance(error, ExecutorError) else str(error)
    return Problem(place=f"hosts.{host.name}", message=message, remedy=hint)
