"""What other rules would have made of past jobs."""

from datetime import timedelta
from decimal import Decimal

import attrs
from routing.fleets import NOW, fleet_of, host, job

from container_manager_core import Execution, Job, JobStatus
from container_manager_core.job import Route
from container_manager_core.routing.replay import replay
from container_manager_core.rules import Rule

FLEET = (
    host("dear", "fargate", cost_per_hour=Decimal("1.2")),
    host("cheap", "docker", cost_per_hour=Decimal("0.3"), cost_per_job=Decimal("0.01"), config={"memory_mib": 1024}),
)


def past(where: str, executor: str, seconds: int = 600, rule: int | None = None, **facts: int) -> Job:
    execution = Execution(
        attempt=1,
        host=where,
        executor=executor,
        status=JobStatus.COMPLETED,
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=seconds),
    )
    route = Route(host=where, reason="as it was", rule=rule)
    return attrs.evolve(job(**facts), status=JobStatus.COMPLETED, attempt=1, execution=execution, route=route)


def test_jobs_that_the_rules_send_elsewhere_are_named_with_the_difference_in_cost() -> None:
    jobs = [past("dear", "fargate", memory_mib=512), past("dear", "fargate", memory_mib=4096), past("cheap", "docker")]
    result = replay(
        jobs, fleet_of(*FLEET), [Rule(condition="resources.memory_mib < 1000", host="cheap", reason="Small")]
    )
    assert result.jobs == 3
    (move,) = result.moves
    assert (move.job_id, move.before, move.after, move.reason) == (jobs[0].id, "dear", "cheap", "Small (rule 1)")
    # 600 s: 1.2 an hour are 0.2; 0.3 an hour and 0.01 a job are 0.06.
    assert (move.cost_before, move.cost_after) == (Decimal("0.2"), Decimal("0.06"))
    assert result.cost_before == Decimal("0.2") + Decimal("0.2") + Decimal("0.06")
    assert result.cost_after - result.cost_before == Decimal("-0.14")


def test_weights_alone_move_no_job() -> None:
    jobs = [past("dear", "fargate") for _ in range(20)]
    assert replay(jobs, fleet_of(*FLEET), []).moves == ()


def test_a_job_whose_rule_is_gone_goes_by_weight() -> None:
    hosts = (*FLEET[:1], attrs.evolve(FLEET[1], weight=1000))
    result = replay([past("dear", "fargate", rule=1)], fleet_of(*hosts), [])
    assert [(move.after, move.reason) for move in result.moves] == [("cheap", "by weight among the hosts with room")]


def test_a_job_that_no_host_could_take_any_more_is_named() -> None:
    result = replay([past("dear", "fargate", memory_mib=4096)], fleet_of(FLEET[1]), [])
    (move,) = result.moves
    assert move.after is None
    assert "4096 MiB are more than the 1024 MiB" in move.reason


def test_hosts_count_as_empty_and_jobs_without_an_attempt_are_passed_over() -> None:
    one = attrs.evolve(FLEET[1], max_concurrent_jobs=1)
    jobs = [*(past("dear", "fargate") for _ in range(3)), job()]
    result = replay(jobs, fleet_of(FLEET[0], one), [Rule(condition="True", host="cheap")])
    assert result.jobs == 3
    assert [move.after for move in result.moves] == ["cheap"] * 3
