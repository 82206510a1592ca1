"""A dry run on every host."""

from decimal import Decimal

import attrs
from routing.fleets import fleet_of, host

from container_manager_core import ContainerSpec, Resources
from container_manager_core.executor import Plan
from container_manager_core.executors.mock.executor import MockExecutor
from container_manager_core.routing.planning import plan_everywhere


def test_each_host_says_whether_it_can_at_which_size_and_price_and_what_is_missing() -> None:
    fleet = fleet_of(
        host("own", cost_per_hour=Decimal("0.25"), cost_per_job=Decimal("0.01")),
        host("listed", "fargate"),
        host("small", config={"memory_mib": 100}),
        host("strange", "kubernetes"),
        host("wrong", config={"memory": 1}),
    )
    priced = attrs.evolve(fleet.plugins.executor_types["fargate"], price=lambda options, spec: Decimal("0.4"))
    fleet.plugins.executor_types["fargate"] = priced
    plans = {each.host: each for each in plan_everywhere(fleet, ContainerSpec(image="alpine", resources=LIMITS))}
    assert (plans["own"].plan.can_run, plans["own"].plan.memory_mib, plans["own"].plan.cpus) == (True, 512, 2)
    assert (plans["own"].cost_per_hour_low, plans["own"].cost_per_job) == (Decimal("0.25"), Decimal("0.01"))
    assert plans["listed"].cost_per_hour_low == plans["listed"].cost_per_hour_high == Decimal("0.4")
    assert [plans[name].estimated_cost for name in ("own", "listed")] == [Decimal("0.26"), Decimal("0.4")]
    problems = {name: "; ".join(problem.message for problem in plans[name].plan.problems) for name in plans}
    assert problems["own"] == problems["listed"] == ""
    assert problems["small"] == "512 MiB are more than the 100 MiB of this host"
    assert problems["strange"] == "no executor is called 'kubernetes'"
    assert problems["wrong"] == "the key 'memory' is unknown"
    assert all(problem.remedy for each in plans.values() for problem in each.plan.problems)


LIMITS = Resources(memory_mib=512, cpus=2)


def test_the_estimate_is_of_the_time_that_a_run_is_expected_to_take() -> None:
    fleet = fleet_of(host("own", cost_per_hour=2, cost_per_job=1, expected_seconds=1800))
    for facts, seconds, cost in (
        ({}, 1800, "2"),
        ({"timeout_seconds": 7200}, 7200, "5"),
        ({"timeout_seconds": 7200, "expected_seconds": 900}, 900, "1.5"),
    ):
        (plan,) = plan_everywhere(fleet, ContainerSpec(image="alpine", **facts))
        assert (plan.expected_seconds, plan.estimated_cost) == (seconds, Decimal(cost))


class Dear(MockExecutor):
    """Tells a price of its platform's with each plan."""

    def plan(self, spec: ContainerSpec) -> Plan:
        return attrs.evolve(super().plan(spec), cost_per_hour_low=Decimal(3), cost_per_hour_high=Decimal(4))


def test_the_price_of_a_host_itself_replaces_that_of_its_platform() -> None:
    fleet = fleet_of(host("own", cost_per_hour=2), host("listed"))
    fleet.plugins.executor_types["docker"] = attrs.evolve(fleet.plugins.executor_types["docker"], factory=Dear)
    own, listed = plan_everywhere(fleet, ContainerSpec(image="alpine"))
    assert (own.cost_per_hour_low, own.cost_per_hour_high) == (2, 2)
    assert (listed.cost_per_hour_low, listed.cost_per_hour_high) == (3, 4)
