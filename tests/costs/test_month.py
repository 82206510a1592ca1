"""A month of jobs on five hosts, billed by the program and by hand."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from worker.simulation import Simulation

from container_manager_core import ContainerSpec, CostQuery, Host, JobStatus, Resources, hookimpl
from container_manager_core.executor import ContainerExecutor, ExecutorContext, Harvest
from container_manager_core.executors.mock import MockOptions
from container_manager_core.executors.mock.executor_type import MOCK

PER_HOUR = {"lab": "0.10", "rack": "0.0371", "cloud": "0.048", "metered": "0.9", "own": "0"}
PER_JOB = {"lab": "0", "rack": "0.005", "cloud": "0", "metered": "0.001", "own": "0"}
METERED_PER_SECOND = Decimal("0.0000125")


def _price_list(options: MockOptions, spec: ContainerSpec) -> Decimal:
    """4.8 cents an hour for each GiB."""
    return Decimal("0.048") * (spec.resources.memory_mib or 0) / 1024


def _metered(options: MockOptions, context: ExecutorContext) -> ContainerExecutor:
    """A platform that tells with each run what it has cost: so much for each second that has begun."""
    executor = MOCK.factory(options, context)
    harvest_job = executor.harvest_job

    def harvest(job: Any) -> Harvest:
        found = harvest_job(job)
        assert found.state.started_at is not None
        assert found.state.finished_at is not None
        seconds = -((found.state.started_at - found.state.finished_at) // timedelta(seconds=1))
        return attrs.evolve(found, cost=seconds * METERED_PER_SECOND)

    executor.harvest_job = harvest  # type: ignore[method-assign]
    return executor


class Platforms:
    @hookimpl
    def container_manager_executors(self) -> Any:
        return [
            attrs.evolve(MOCK, name="listed", price=_price_list),
            attrs.evolve(MOCK, name="metered", factory=_metered),
        ]


def _hosts() -> list[Host]:
    facts: dict[str, dict[str, Any]] = {name: {"cost_per_job": PER_JOB[name]} for name in PER_JOB}
    for name in ("lab", "rack"):
        facts[name]["cost_per_hour"] = PER_HOUR[name]
    executors = {"cloud": "listed", "metered": "metered"}
    return [
        Host(name=name, executor=executors.get(name, "mock"), max_concurrent_jobs=1000, **facts[name]) for name in facts
    ]


def _by_hand(host: str, memory_mib: int, seconds: Fraction) -> Fraction:
    if host == "metered":
        begun = -(-seconds.numerator // seconds.denominator)
        return begun * Fraction(METERED_PER_SECOND) + Fraction(PER_JOB[host])
    size = Fraction(memory_mib, 1024) if host == "cloud" else 1
    return Fraction(PER_JOB[host]) + Fraction(PER_HOUR[host]) * size * seconds / 3600


def cents(amount: Fraction | Decimal) -> int:
    return round(Fraction(amount) * 100)


@pytest.fixture(scope="module")
def month() -> tuple[Simulation, dict[tuple[str, ...], Fraction]]:
    """The world after its January, and what every host, team, user and day has cost by hand."""
    world = Simulation(*_hosts(), plugins=[Platforms()])
    bill: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    worker = world.worker()
    start = world.clock.now()
    names, users, teams = list(PER_JOB), ("ann", "bob", None), ("red", "blue")
    for day in range(31):
        for number in range(10):
            turn = day * 10 + number
            host, user, team = names[turn % 5], users[turn % 3], teams[turn % 2]
            memory, seconds = 512 * (turn % 4 + 1), Fraction(turn * 7919 % 30_000_000, 1000)
            world.submit(
                host=host,
                created_by=user,
                resources=Resources(memory_mib=memory),
                labels={"team": team, "mock.duration_seconds": str(float(seconds))},
            )
            cost = _by_hand(host, memory, seconds)
            date = (start + timedelta(days=day)).strftime("%Y-%m-%d")
            for key in (("host", host), ("user", str(user)), ("team", team), ("day", date), ("all",)):
                bill[key] += cost
        until = start + timedelta(days=day + 1)
        world.run(worker, seconds=5, tick=1)
        world.clock.advance((until - world.clock.now()).total_seconds() - 60)
        world.run(worker, seconds=60, tick=10)
        world.clock.advance((until - world.clock.now()).total_seconds())
    assert {job.status for job in world.manager.list()} == {JobStatus.COMPLETED}
    return world, bill


@pytest.mark.parametrize(("by", "kind"), [("host", "host"), ("user", "user"), ("label:team", "team"), ("day", "day")])
def test_a_month_is_billed_to_the_cent(month: Any, by: str, kind: str) -> None:
    world, bill = month
    found = {(kind, str(each.keys[0])): cents(each.cost) for each in world.manager.costs(CostQuery(by=[by]))}
    expected = {key: cents(cost) for key, cost in bill.items() if key[0] == kind and cost}
    assert found == expected
    assert len(found) >= 2


def test_a_month_costs_what_its_jobs_cost(month: Any) -> None:
    world, bill = month
    bounds = {"since": datetime(2030, 1, 1, tzinfo=UTC), "until": datetime(2030, 2, 1, tzinfo=UTC)}
    (total,) = world.manager.costs(CostQuery(**bounds))
    assert cents(total.cost) == cents(bill["all",]) > 500
    (january,) = world.manager.costs(CostQuery(by=("month",)))
    assert (january.keys, january.cost) == (("2030-01",), total.cost)
    assert world.manager.costs(CostQuery(since=bounds["until"])) == []


def test_the_estimate_of_a_run_that_takes_as_long_as_expected_is_its_cost() -> None:
    world = Simulation(*_hosts(), plugins=[Platforms()])
    worker = world.worker()
    for name in ("lab", "rack", "cloud", "own"):
        job_id = world.submit(
            host=name,
            expected_seconds=1234.5,
            timeout_seconds=9999,
            resources=Resources(memory_mib=1536),
            labels={"mock.duration_seconds": "1234.5"},
        )
        world.run(worker, seconds=2000, tick=10)
        job = world.job(job_id)
        assert job.estimated_cost == job.actual_cost == world.manager.store.get(job_id).execution.cost  # type: ignore[union-attr]
