"""How many calls things cost."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import attrs
import pytest
from local_clouds.fargate import LocalFargate


@pytest.fixture
def counted(cloud: LocalFargate) -> Callable[[], Counter[str]]:
    """The calls since the last time."""
    before = Counter(cloud.calls)

    def since() -> Counter[str]:
        nonlocal before
        now = Counter(cloud.calls)
        made, before = now - before, now
        return made

    return since


def test_the_status_of_500_tasks_is_five_calls(executor: Any, counted: Any) -> None:
    arns = [f"arn:aws:ecs:eu-central-1:123456789012:task/default/{uuid4().hex}" for _ in range(500)]
    assert len(executor.check_statuses(arns)) == 500
    assert counted() == {"DescribeTasks": 5}


def test_a_hundred_equal_jobs_register_one_definition(
    executor: Any, make_executor: Any, prepare: Any, counted: Any, cloud: LocalFargate
) -> None:
    """Also when another worker starts some of them. The calls alone are counted: nothing is run."""
    for number in range(50):
        prepare_order(executor, prepare("echo", str(number), environment={"NUMBER": str(number)}))
    other = make_executor()
    for number in range(50):
        prepare_order(other, prepare("echo", str(number)))
    assert counted()["RegisterTaskDefinition"] == 1


def prepare_order(executor: Any, request: Any) -> str:
    launcher = executor._launcher
    return str(launcher._definitions.arn(launcher._order(request)))


def test_a_job_costs_five_calls_from_launch_to_cleanup(executor: Any, prepare: Any, wait: Any, counted: Any) -> None:
    """RunTask, DescribeTasks (shared by 100), GetLogEvents to the end and once more, DeleteLogStream."""

    def live(request: Any) -> None:
        execution_id = executor.launch_job(request).execution_id
        wait_quietly(executor, execution_id, counted)
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=execution_id))
        assert b"".join(page.stdout for page in harvest.pages) == b"hello\n"
        executor.cleanup(execution_id)

    looks: Counter[str] = Counter()

    def wait_quietly(executor: Any, execution_id: str, counted: Any) -> None:
        looks.update(counted())
        wait(executor, execution_id)
        counted()

    live(prepare("echo", "hello"))
    first = looks + counted()
    looks.clear()
    live(prepare("echo", "hello"))
    assert looks + counted() == {"RunTask": 1, "GetLogEvents": 2, "DeleteLogStream": 1}
    assert first == {
        "DescribeTaskDefinition": 1,
        "DescribeLogGroups": 1,
        "RegisterTaskDefinition": 1,
        "ListTaskDefinitionFamilies": 1,
        "RunTask": 1,
        "GetLogEvents": 2,
        "DeleteLogStream": 1,
    }
