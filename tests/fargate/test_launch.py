"""Attempts start once, whatever the platform answers; definitions are registered once."""

import time
from typing import Any

import attrs
import pytest
from local_clouds.fargate import Fault, Faults, LocalFargate

from container_manager_core.clock import VirtualClock
from container_manager_core.errors import CapacityError, PermanentError, TransientError
from container_manager_core.executor import ExecutorContext
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from container_manager_fargate.executor import FargateExecutor
from support.fargate import TRIES, options_for


def tasks_of(cloud: LocalFargate, name: str) -> list[str]:
    """The tasks that the cloud ever started under a name."""
    return [task.arn for task in cloud.ecs.tasks if task.started_by == name]


def test_a_capacity_failure_that_started_the_task_all_the_same_is_a_launch(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    request = prepare("true")
    before = cloud.calls["RunTask"]
    faults.plan("RunTask", Fault.CAPACITY_STARTED)
    launched = executor.launch_job(request)
    assert tasks_of(cloud, request.name) == [launched.execution_id]
    assert cloud.calls["RunTask"] - before == 1, "the list showed it: nothing had to be asked for again"


def test_a_task_hidden_behind_a_capacity_failure_is_found_by_its_token(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    faults.hidden_seconds = 60
    request = prepare("true")
    faults.plan("RunTask", Fault.CAPACITY_STARTED)
    launched = executor.launch_job(request)
    assert tasks_of(cloud, request.name) == [launched.execution_id]
    faults.hidden_seconds = 0


def test_a_task_that_may_have_started_is_not_given_up_when_the_look_for_it_fails(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    """Else another attempt would run beside it."""
    request = prepare("true")
    faults.plan("RunTask", Fault.CAPACITY_STARTED)
    faults.plan("ListTasks", Fault.THROTTLED, times=TRIES)
    with pytest.raises(TransientError, match="Rate exceeded") as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert [executor.find_execution(request)] == tasks_of(cloud, request.name)


def test_no_capacity_for_long_is_a_capacity_error_and_starts_nothing(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    request = prepare("true")
    faults.plan("RunTask", Fault.CAPACITY, times=10)
    with pytest.raises(CapacityError, match="Capacity is unavailable at this time") as caught:
        executor.launch_job(request)
    assert caught.value.kind is FailureKind.CAPACITY
    assert not caught.value.may_have_started
    assert tasks_of(cloud, request.name) == []


def test_errors_after_the_task_was_accepted_start_it_once(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    request = prepare("true")
    faults.plan("RunTask", Fault.ERROR_AFTER, times=TRIES - 1)
    launched = executor.launch_job(request)
    assert tasks_of(cloud, request.name) == [launched.execution_id]


def test_an_error_after_acceptance_that_is_not_resolved_says_that_it_may_run(
    cloud: LocalFargate, faults: Faults, executor: Any, prepare: Any
) -> None:
    """Also when the last of the tries was refused for another reason."""
    request = prepare("true")
    faults.plan("RunTask", Fault.ERROR_AFTER)
    faults.plan("RunTask", Fault.THROTTLED, times=TRIES - 1)
    with pytest.raises(TransientError, match="Rate exceeded") as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert [executor.find_execution(request)] == tasks_of(cloud, request.name)


def test_an_attempt_launched_again_with_other_options_is_the_same_task(
    cloud: LocalFargate, executor: Any, make_executor: Any, prepare: Any
) -> None:
    """The platform refuses a token with other parameters and names the task that has it."""
    request = prepare("sleep", "0.5")
    first = executor.launch_job(request)
    other = make_executor(subnets=("subnet-2",), task_role_arn="arn:aws:iam::123456789012:role/other")
    assert other.launch_job(request).execution_id == first.execution_id
    assert tasks_of(cloud, request.name) == [first.execution_id]


def test_metadata_has_the_facts_that_users_rely_on(executor: Any, prepare: Any, wait: Any) -> None:
    execution_id = executor.launch_job(prepare("true")).execution_id
    metadata = wait(executor, execution_id).metadata
    assert metadata["task_arn"] == execution_id
    assert metadata["task_definition"].startswith("cm-")
    assert (metadata["cluster"], metadata["launch_type"]) == ("default", "FARGATE")
    assert metadata.keys() >= {"platform_version", "availability_zone", "private_ip"}


def test_a_definition_that_somebody_removed_is_registered_again(
    cloud: LocalFargate, executor: Any, prepare: Any, wait: Any
) -> None:
    first = executor.launch_job(prepare("true"))
    cloud.ecs.call("DeregisterTaskDefinition", {"taskDefinition": first.metadata["task_definition"]}, None)
    second = executor.launch_job(prepare("true"))
    assert second.metadata["task_definition"] != first.metadata["task_definition"]
    assert wait(executor, second.execution_id).exit_code == 0


def test_definitions_that_are_no_longer_used_are_removed(
    cloud: LocalFargate, installation_id: str, prepare: Any, make_executor: Any
) -> None:
    """Not those of the last two periods, nor another installation's."""
    families = lambda: set(cloud.ecs.call("ListTaskDefinitionFamilies", {}, None)["families"])  # noqa: E731
    clock = VirtualClock()
    context = ExecutorContext(host="tests", installation_id=installation_id, clock=clock)
    before = families()

    def launch(memory_mib: int) -> set[str]:
        """What is new among the families after a launch by a new worker."""
        executor = FargateExecutor(options_for(cloud, definition_days=10), context)
        known = families()
        executor.launch_job(prepare("true", resources=Resources(memory_mib=memory_mib)))
        executor.close()
        return families() - known

    (first,) = launch(512)
    clock.advance(10 * 86400)
    (second,) = launch(1024)
    assert families() - before == {first, second}
    clock.advance(10 * 86400)
    (third,) = launch(2048)
    assert families() - before == {second, third}


def test_long_commands_and_variables_go_into_the_definition(executor: Any, prepare: Any, wait: Any) -> None:
    """Overrides hold 8192 characters, a definition 64 KiB."""
    request = prepare("sh", "-c", f": {'x' * 20_000}; echo $LONG | wc -c", environment={"LONG": "l" * 20_000})
    execution_id = executor.launch_job(request).execution_id
    wait(executor, execution_id)
    assert executor.get_logs(execution_id).stdout == b"20001\n"


def test_more_than_a_definition_holds_is_refused_with_the_remedy(executor: Any, prepare: Any) -> None:
    with pytest.raises(PermanentError, match=r"has \d+ bytes, and Fargate takes 65536; put the data into a file"):
        executor.launch_job(prepare("true", environment={"LONG": "l" * 70_000}))


def test_a_task_stopped_at_the_platform_is_lost_and_not_failed(
    cloud: LocalFargate, executor: Any, prepare: Any, wait: Any
) -> None:
    request = prepare("sleep", "60")
    execution_id = executor.launch_job(request).execution_id
    cloud.ecs.call("StopTask", {"task": execution_id, "reason": "tidying up"}, None)
    failure = wait(executor, execution_id).failure
    assert failure.kind is FailureKind.LOST
    assert failure.retryable
    assert "tidying up" in failure.message


def test_the_cost_is_that_of_the_size_for_a_minute_at_least(executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("true", resources=Resources(cpus=0.3, memory_mib=700))
    execution_id = executor.launch_job(request).execution_id
    wait(executor, execution_id)
    cost = executor.harvest_job(attrs.evolve(request, execution_id=execution_id)).cost
    # 0.5 vCPU and 1 GiB in eu-central-1, 60 s.
    assert float(cost) == pytest.approx((0.5 * 0.04656 + 0.00511) / 60, rel=1e-5)


def test_an_older_worker_sees_what_runs_and_what_was_left(executor: Any, make_executor: Any, prepare: Any) -> None:
    """A task that is gone from the platform's memory, with its output still there, is told as nobody's."""
    request = prepare("sh", "-c", "echo x")
    execution_id = executor.launch_job(request).execution_id
    deadline = time.monotonic() + 30
    while not executor.check_status(execution_id).has_ended and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [owned.execution_id for owned in make_executor().list_owned()] == [execution_id]
