"""Job definitions: shared, repaired, and deleted when nobody uses them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from local_clouds.scaleway import Cloud

from container_manager_core.clock import SystemClock
from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import ExecutorContext
from container_manager_core.resources import Resources
from container_manager_scaleway.executor import ScalewayExecutor

SECRET_ID = "5ec2e700-0000-4000-8000-000000000001"
REFERENCE = f"secret://scaleway-secretmanager/{SECRET_ID}@1"


class LaterClock(SystemClock):
    """The machine's clock, some days on."""

    def __init__(self, days: float) -> None:
        self.ahead = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


def test_other_sizes_and_timeouts_are_other_definitions(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(cloud)
    for facts in ({}, {"timeout_seconds": 10}, {"resources": Resources(memory_mib=256)}, {"timeout_seconds": 10}):
        executor.launch_job(prepare("exit 0", **facts))
    definitions = cloud.definitions.all()
    assert len(definitions) == 3
    assert all(definition["retry_policy"] == {"max_retries": 0} for definition in definitions)
    assert sorted(definition["job_timeout"] for definition in definitions) == ["10s", "86400s", "86400s"]


def test_of_two_that_were_made_at_once_the_older_is_used(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    first, second = make_executor(cloud), make_executor(cloud)
    second.launch_job(prepare("exit 0", timeout_seconds=10))  # it knows all definitions from here on
    launches = [executor.launch_job(prepare("exit 0")) for executor in (first, second)]
    assert len({launch.metadata["job_definition_id"] for launch in launches}) == 1
    assert cloud.calls["CreateJobDefinition"] == 3
    assert len(cloud.definitions.all()) == 2


def test_one_that_somebody_deleted_is_made_again(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(cloud)
    first = executor.launch_job(prepare("exit 0"))
    cloud.definitions.delete(first.metadata["job_definition_id"])
    second = executor.launch_job(prepare("exit 0"))
    assert second.metadata["job_definition_id"] != first.metadata["job_definition_id"]
    assert len(cloud.definitions.all()) == 1


def test_unused_ones_are_deleted_and_the_others_kept(
    cloud: Cloud, make_executor: Any, make_options: Any, prepare: Any, installation_id: str, wait_for_ends: Any
) -> None:
    """A week without a run; never another installation's, and never one of which a run is live."""
    make_executor(cloud).launch_job(prepare("exit 0"))
    wait_for_ends(cloud)
    stranger = ScalewayExecutor(make_options(cloud), ExecutorContext(host="tests", installation_id="stranger"))
    stranger.launch_job(attrs.evolve(prepare("exit 0"), installation_id="stranger"))
    stranger.close()
    live = make_executor(cloud).launch_job(prepare("sleep 60", timeout_seconds=100)).execution_id
    clock = LaterClock(0)
    context = ExecutorContext(host="tests", installation_id=installation_id, clock=clock)
    executor = ScalewayExecutor(make_options(cloud), context)
    executor.cleanup("unknown")
    assert len(cloud.definitions.all()) == 3
    clock.ahead = timedelta(days=8)
    executor.cleanup("unknown")
    left = {definition["job_timeout"] for definition in cloud.definitions.all()}
    assert (len(cloud.definitions.all()), left) == (2, {"100s", "86400s"})
    executor.cancel(live, 0)
    executor.close()


def test_secret_manager_puts_its_secrets_into_the_run(
    cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any
) -> None:
    """They are in no call of ours, and not in the run's record."""
    cloud.definitions.secret_values[SECRET_ID] = "correct-horse-battery-staple"
    executor = make_executor(cloud, allow_plain_secrets=False)
    request = prepare("echo $TOKEN | tr a-z b-za", secrets={"TOKEN": "correct-horse-battery-staple"})
    request = attrs.evolve(request, spec=attrs.evolve(request.spec, secrets={"TOKEN": REFERENCE}))
    execution_id = executor.launch_job(request).execution_id
    wait_for_ends(cloud)
    assert executor.get_logs(execution_id).stdout == b"dpssfdu-ipstf-cbuufsz-tubqmf\n"
    assert "correct-horse" not in repr(cloud.runs.all(lambda made: False))
    assert "correct-horse" not in repr(cloud.definitions.all())


def test_secrets_that_were_not_attached_are_attached_later(
    cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any
) -> None:
    """A worker may die between making a definition and attaching its secrets."""
    cloud.definitions.secret_values[SECRET_ID] = "value"
    request = prepare("echo <$TOKEN>", secrets={"TOKEN": "value"})
    request = attrs.evolve(request, spec=attrs.evolve(request.spec, secrets={"TOKEN": REFERENCE}))
    cloud.faults.refuse("CreateSecrets", 2)
    with pytest.raises(TransientError, match="cannot attach secrets"):
        make_executor(cloud).launch_job(request)
    executor = make_executor(cloud)
    execution_id = executor.launch_job(request).execution_id
    wait_for_ends(cloud)
    assert executor.check_status(execution_id).exit_code is not None
    assert len(cloud.definitions.all()) == 1
    assert len(cloud.definitions.secrets(cloud.definitions.all()[0]["id"])) == 1


def test_a_secret_that_does_not_exist_fails_the_run(
    cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any
) -> None:
    executor = make_executor(cloud)
    request = prepare("exit 0")
    request = attrs.evolve(request, spec=attrs.evolve(request.spec, secrets={"TOKEN": REFERENCE}))
    execution_id = executor.launch_job(request).execution_id
    wait_for_ends(cloud)
    failure = executor.check_status(execution_id).failure
    assert failure is not None
    assert (failure.kind.value, failure.retryable) == ("spec", False)
    assert SECRET_ID in failure.message
    assert "Secret Manager" in failure.hint


def test_plain_secrets_are_refused_unless_they_are_allowed(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(cloud, allow_plain_secrets=False)
    with pytest.raises(PermanentError, match=r"for everybody to read who may list runs; .*allow_plain_secrets"):
        executor.launch_job(prepare("exit 0", secrets={"TOKEN": "clear"}))
    assert cloud.calls == {}
