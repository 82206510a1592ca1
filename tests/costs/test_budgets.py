"""What budgets and max_cost do to jobs, on a virtual clock."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from worker.simulation import Crash, Fuse, Simulation

from container_manager_core import (
    Budget,
    FailureKind,
    Host,
    InvalidInput,
    JobStatus,
    PermanentError,
    RetryPolicy,
    hookimpl,
)
from container_manager_core.executors.mock import Outcome
from container_manager_core.job import StopReason

HOUR = 3600
FOREVER = Outcome(duration_seconds=float("inf"), stop_exit_code=0)


def host(name: str = "cloud", **facts: Any) -> Host:
    """A host that takes an amount an hour, and a hundred jobs at once."""
    return Host(**{"name": name, "executor": "mock", "cost_per_hour": "1", "max_concurrent_jobs": 100, **facts})


def spent(world: Simulation, *accounts: str) -> list[str]:
    return [f"{amount:f}" for amount in world.store.balances(accounts).values()]


def test_a_run_is_estimated_held_back_and_then_billed() -> None:
    budget = Budget(cap=10)
    world = Simulation(host(cost_per_job="0.25"), budgets=[budget], outcome=Outcome(duration_seconds=360))
    job_id = world.submit(timeout_seconds=2 * HOUR, expected_seconds=HOUR)
    worker = world.worker()
    world.run(worker, seconds=1)
    running = world.job(job_id)
    assert running.estimated_cost == Decimal("1.25")
    assert running.execution is not None
    assert running.execution.reserved == Decimal("2.25")
    assert spent(world, "2030-01") == ["2.250000"]
    world.run(worker)
    job = world.job(job_id)
    assert (job.status, str(job.actual_cost)) == (JobStatus.COMPLETED, "0.350000")
    assert spent(world, "2030-01") == ["0.350000"]


def test_what_a_budget_cannot_pay_waits_and_says_why_and_runs_in_the_next_period() -> None:
    world = Simulation(host(), budgets=[Budget(cap=2, period="day")], outcome=Outcome(duration_seconds=HOUR - 120))
    jobs = [world.submit(timeout_seconds=HOUR) for _ in range(3)]
    worker = world.worker()
    world.run(worker, seconds=10)
    waiting = world.job(jobs[2])
    assert waiting.status is JobStatus.PENDING
    assert waiting.waiting is not None
    assert "cloud: it may cost 1.00, and the budget of 2.00 a day for everything has 0.00 left" in waiting.waiting
    world.run(worker, seconds=20 * HOUR, tick=60)
    assert world.job(jobs[2]).status is JobStatus.PENDING
    world.run(worker, seconds=10 * HOUR, tick=60)
    assert [world.job(job_id).status for job_id in jobs] == [JobStatus.COMPLETED] * 3
    assert spent(world, "2030-01-01", "2030-01-02") == ["1.933334", "0.966667"]


def test_a_job_goes_where_there_is_a_budget_left() -> None:
    world = Simulation(
        host("dear", weight=1000), host("cheap", cost_per_hour="0.01"), budgets=[Budget(cap=1, host="dear")]
    )
    jobs = [world.submit(timeout_seconds=HOUR) for _ in range(4)]
    world.run(world.worker(), seconds=0.1)
    hosts = [world.job(job_id).host for job_id in jobs]
    assert sorted(hosts) == ["cheap", "cheap", "cheap", "dear"]


@pytest.mark.parametrize(
    ("budget", "accounts"),
    [
        (Budget(cap=1, user="ann"), {'2030-01 user="ann"': "1.000000"}),
        (Budget(cap=1, user="*"), {'2030-01 user="ann"': "1.000000", '2030-01 user="bob"': "1.000000"}),
        (Budget(cap=1, label="team=a"), {'2030-01 label:team="a"': "1.000000"}),
        (Budget(cap=1, label="team=*"), {'2030-01 label:team="a"': "1.000000", "2030-01 label:team=null": "1.000000"}),
        (Budget(cap=1, period="total", host="*", user="bob"), {'total host="cloud" user="bob"': "1.000000"}),
    ],
)
def test_a_budget_concerns_what_it_names_and_a_star_gives_each_its_own(
    budget: Budget, accounts: dict[str, str]
) -> None:
    """Two jobs of each: what is capped lets one of them through."""
    world = Simulation(host(), budgets=[budget], outcome=FOREVER)
    for user, labels in (("ann", {"team": "a"}), ("bob", {})):
        for _ in range(2):
            world.submit(timeout_seconds=HOUR, created_by=user, labels=labels)
    world.run(world.worker(), seconds=5)
    assert spent(world, *accounts) == list(accounts.values())
    started = len(world.platform.starts)
    assert started == 4 - len(accounts)


def test_many_workers_together_keep_a_cap() -> None:
    world = Simulation(host(), budgets=[Budget(cap="7.5")], outcome=FOREVER)
    for _ in range(30):
        world.submit(timeout_seconds=HOUR)
    world.run(*(world.worker() for _ in range(4)), seconds=10)
    assert len(world.platform.starts) == 7
    assert spent(world, "2030-01") == ["7.000000"]


@pytest.mark.parametrize("after_calls", range(1, 16))
def test_a_worker_that_finds_a_budget_used_up_just_now_lets_its_job_wait(after_calls: int) -> None:
    """Whatever it has asked the store before another worker took the money."""
    world = Simulation(host(), budgets=[Budget(cap=1)], outcome=FOREVER)
    jobs = [world.submit(timeout_seconds=HOUR)]
    other = world.worker()
    calls = 0

    def step_in() -> None:
        nonlocal calls
        calls += 1
        if calls == after_calls:
            jobs.append(world.submit(timeout_seconds=HOUR, priority=99))
            other.step()

    worker = world.worker(step_in)
    world.run(worker, other, seconds=5)
    assert len(world.platform.starts) == 1
    assert spent(world, "2030-01") == ["1.000000"]
    (waiting,) = [job for job in map(world.job, jobs) if job.status is JobStatus.PENDING]
    assert waiting.worker is None
    assert waiting.waiting is not None
    assert "has 0.00 left" in waiting.waiting


@pytest.mark.parametrize("burns_at", range(1, 60, 3))
def test_a_worker_that_dies_neither_loses_nor_doubles_a_charge(burns_at: int) -> None:
    world = Simulation(host(), budgets=[Budget(cap=100)], outcome=Outcome(duration_seconds=36))
    jobs = [world.submit(timeout_seconds=HOUR) for _ in range(3)]
    with suppress(Crash):
        world.run(world.worker(Fuse(burns_at)), seconds=60)
    world.run(world.worker(), seconds=600)
    assert [str(world.job(job_id).actual_cost) for job_id in jobs] == ["0.010000"] * 3
    assert spent(world, "2030-01") == ["0.030000"]


def test_an_attempt_that_never_started_costs_nothing() -> None:
    refusal = PermanentError("no such image", FailureKind.IMAGE)
    world = Simulation(host(cost_per_job="5"), budgets=[Budget(cap=100)], outcome=Outcome(refusal=refusal))
    job_id = world.submit()
    world.run(world.worker())
    assert world.job(job_id).status is JobStatus.FAILED
    assert world.job(job_id).actual_cost is None
    assert spent(world, "2030-01") == ["0.000000"]


def test_a_job_is_stopped_when_it_has_cost_its_max_cost() -> None:
    """And is not tried again: its money is gone."""
    world = Simulation(host(cost_per_job="0.5"), outcome=FOREVER)
    job_id = world.submit(max_cost="1.5")
    worker = world.worker()
    world.run(worker, seconds=HOUR - 10, tick=10)
    assert world.job(job_id).status is JobStatus.RUNNING
    world.run(worker, seconds=20, tick=1)
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.BUDGET
    assert str(job.failure) == "budget: it has cost as much as it may: 1.50; raise its max_cost"
    assert job.execution is not None
    assert job.execution.stop_reason is StopReason.COST
    assert job.actual_cost is not None
    assert Decimal("1.5") <= job.actual_cost < Decimal("1.501")


def test_a_timeout_that_comes_first_is_a_timeout() -> None:
    world = Simulation(host(), outcome=FOREVER)
    job_id = world.submit(max_cost="1", timeout_seconds=1800)
    world.run(world.worker(), seconds=HOUR, tick=1)
    assert world.job(job_id).status is JobStatus.TIMEOUT


def test_a_host_that_is_too_dear_for_a_job_is_passed_over() -> None:
    world = Simulation(host("dear", cost_per_job="2"), outcome=Outcome())
    job_id = world.submit(max_cost="1")
    world.run(world.worker(), seconds=5)
    waiting = world.job(job_id).waiting
    assert waiting is not None
    assert "dear: it costs 2.00 a start and 1.00 an hour, and of the job's max_cost 1.00 is left" in waiting


def test_max_cost_counts_all_attempts() -> None:
    world = Simulation(host(), outcome=Outcome(duration_seconds=2400, exit_code=1))
    job_id = world.submit(max_cost="1", retry=RetryPolicy(max_attempts=9, backoff_seconds=0))
    worker = world.worker()
    world.run(worker, seconds=2 * HOUR, tick=1)
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 2)
    assert job.actual_cost is not None
    assert Decimal(1) <= job.actual_cost < Decimal("1.001")
    world.manager.restart(job_id)
    world.run(worker, seconds=10)
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 2)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.BUDGET
    assert job.failure.message.endswith("and it may cost 1.00")


def test_a_run_without_a_timeout_goes_on_as_long_as_its_budget_has_money() -> None:
    """What was held back for the expected time is used up: more is held back, until the cap is reached."""
    world = Simulation(host(expected_seconds=600), budgets=[Budget(cap=1)], outcome=FOREVER)
    job_id = world.submit()
    worker = world.worker()
    world.run(worker, seconds=650, tick=1)
    assert spent(world, "2030-01") == ["0.333334"]
    world.run(worker, seconds=HOUR, tick=1)
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.BUDGET
    assert job.failure.message.endswith("were held back for it, and a budget is used up")
    assert spent(world, "2030-01") == [f"{job.actual_cost:f}"]
    assert Decimal("0.8") < Decimal(spent(world, "2030-01")[0]) <= 1


class Listener:
    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []

    @hookimpl
    def container_manager_budget_warning(self, budget: Budget, spent: Decimal, job: Any) -> None:
        self.warnings.append((str(budget), f"{spent:f}"))
        raise RuntimeError("a plugin's mistake stops nothing")


def test_a_budget_that_is_nearly_used_is_told_of_once_a_period() -> None:
    listener = Listener()
    world = Simulation(
        host(),
        budgets=[Budget(cap=4, period="day", warn_at=0.5)],
        plugins=[listener],
        outcome=Outcome(duration_seconds=HOUR / 2),
    )
    worker = world.worker()
    for day in (1, 2):
        jobs = [world.submit(timeout_seconds=HOUR)]
        world.run(worker, seconds=1)
        assert len(listener.warnings) == day - 1
        jobs += [world.submit(timeout_seconds=HOUR) for _ in range(2)]
        world.run(worker, seconds=2 * HOUR, tick=60)
        assert {world.job(job_id).status for job_id in jobs} == {JobStatus.COMPLETED}
        world.clock.advance(86400)
    name = "the budget of 4.00 a day for everything"
    assert [warned[0] for warned in listener.warnings] == [name, name]
    assert all(Decimal(amount) >= 2 for _, amount in listener.warnings)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"cap": "x"}, "cap: 'x' is no amount of money"),
        ({"cap": -1}, "cap: -1 is no amount of money"),
        ({"cap": True}, "cap: True is no amount of money"),
        ({"cap": float("nan")}, "cap: nan is no amount of money"),
        ({"cap": 1, "period": "week"}, "period: 'week' is not known here; use one of 'day', 'month', 'total'"),
        ({"cap": 1, "label": "team"}, "label: 'team' names no label; write name=value, or name=*"),
        ({"cap": 1, "user": ""}, "user: '' is no usable text"),
        ({"cap": 1, "warn_at": 2}, "warn_at: 2 is out of range"),
        ({"cap": 1, "warn_at": None}, "warn_at: None stands where a value is needed"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Budget(**facts)
    assert message in str(refused.value)
