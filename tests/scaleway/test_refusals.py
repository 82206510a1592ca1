"""What Scaleway refuses is told with its kind, Scaleway's words and a remedy, and without any secret."""

from typing import Any

import attrs
import pytest
from local_clouds.scaleway import Cloud

from container_manager_core.errors import CapacityError, ExecutorError, LeaseLost, PermanentError, TransientError
from container_manager_core.executor import ExecutionStatus
from container_manager_core.failure import FailureKind
from container_manager_scaleway.executor import ScalewayExecutor

SECRET = "correct-horse-battery-staple"


def _refusal(executor: ScalewayExecutor, request: Any, secret_key: str) -> ExecutorError:
    with pytest.raises(ExecutorError) as caught:
        executor.launch_job(attrs.evolve(request, secrets={"TOKEN": SECRET}))
    assert SECRET not in repr(caught.value)
    assert secret_key not in repr(caught.value)
    return caught.value


def test_wrong_credentials_are_told(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor, secret_key = make_executor(cloud), cloud.credentials.secret_key
    cloud.credentials.secret_key = "10ca1000-0000-4000-8000-00000000ffff"
    error = _refusal(executor, prepare(), secret_key)
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "authentication is denied" in error.message
    assert "check that the API key exists" in error.hint
    health = executor.check_health()
    assert (health.ok, health.hint) == (False, error.hint)


def test_a_key_that_expires_while_a_job_runs_loses_nothing(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor, request = make_executor(cloud), prepare("echo out; exit 3")
    execution_id = executor.launch_job(request).execution_id
    cloud.credentials.expired = True
    with pytest.raises(PermanentError, match=r"authentication is denied; check that the API key .* has not expired"):
        executor.check_status(execution_id)
    cloud.credentials.expired = False
    assert executor.check_status(execution_id).status is not ExecutionStatus.NOT_FOUND


@pytest.mark.parametrize(("permission", "hint"), [("jobs:write", "ServerlessJobsFullAccess")])
def test_a_missing_permission_is_told(
    cloud: Cloud, make_executor: Any, prepare: Any, permission: str, hint: str
) -> None:
    cloud.credentials.permissions -= {permission}
    error = _refusal(make_executor(cloud), prepare(), cloud.credentials.secret_key)
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "insufficient permissions" in error.message
    assert hint in error.hint


def test_a_missing_permission_for_logs_is_seen_by_the_health_check(cloud: Cloud, make_executor: Any) -> None:
    cloud.credentials.permissions -= {"logs:read"}
    health = make_executor(cloud).check_health()
    assert not health.ok
    assert "cannot read logs: insufficient permissions" in health.message
    assert "ObservabilityReadOnly" in health.hint


def test_an_unknown_project_is_told(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    executor = make_executor(cloud, project_id="10ca1000-0000-4000-8000-00000000eeee")
    error = _refusal(executor, prepare(), cloud.credentials.secret_key)
    assert (type(error), error.kind) == (PermanentError, FailureKind.CREDENTIALS)
    assert "no access to the project 10ca1000-0000-4000-8000-00000000eeee" in error.message


def test_an_unknown_region_is_told(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    error = _refusal(make_executor(cloud, region="xx-yyy"), prepare(), cloud.credentials.secret_key)
    assert isinstance(error, PermanentError)
    assert error.kind is FailureKind.SPEC
    assert "region xx-yyy is not available" in error.message
    assert error.hint == "check the host's project_id and region"


def test_too_many_definitions_are_a_quota(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    cloud.definitions.most = 0
    error = _refusal(make_executor(cloud), prepare(), cloud.credentials.secret_key)
    assert (type(error), error.kind) == (PermanentError, FailureKind.QUOTA)
    assert "quota(s) exceeded" in error.message
    assert "delete job definitions" in error.hint


def test_too_many_runs_are_a_lack_of_room(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    """Room comes back by itself, so the job falls back or waits."""
    cloud.runs.most = 0
    error = _refusal(make_executor(cloud), prepare(), cloud.credentials.secret_key)
    assert (type(error), error.kind) == (CapacityError, FailureKind.CAPACITY)
    assert "quota(s) exceeded" in error.message
    assert "max_concurrent_jobs" in error.hint


def test_no_room_is_told_when_no_run_shows_up(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    cloud.faults.refuse_with_no_room(started=False)
    executor, request = make_executor(cloud, visibility_seconds=0.3), prepare()
    error = _refusal(executor, request, cloud.credentials.secret_key)
    assert (type(error), error.may_have_started) == (CapacityError, False)
    assert executor.find_execution(request) is None


def test_no_room_that_started_the_run_all_the_same_is_a_launch(
    cloud: Cloud, make_executor: Any, prepare: Any, wait_for_ends: Any
) -> None:
    """Even where the run cannot be seen at once: falling back would run the job twice."""
    cloud.faults.refuse_with_no_room(started=True)
    cloud.faults.hide_seconds = 0.5
    executor, request = make_executor(cloud, visibility_seconds=10.0), prepare("exit 3")
    execution_id = executor.launch_job(request).execution_id
    wait_for_ends(cloud)
    assert executor.check_status(execution_id).exit_code == 3
    assert len(cloud.runs.all(lambda made: False)) == 1


def test_a_start_that_was_refused_as_one_too_many_is_tried_again_only_by_who_still_has_the_lease(
    cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    """Before each further try a pause and others' calls are waited for, and meanwhile the job may be another's."""
    cloud.faults.refuse("StartJobDefinition", 1)
    answers = iter([30.0])

    def confirm() -> float:
        for seconds in answers:
            return seconds
        raise LeaseLost(request.job_id, "we")

    request = prepare(confirm_lease=confirm)
    with pytest.raises(LeaseLost):
        make_executor(cloud).launch_job(request)
    assert cloud.runs.all(lambda made: False) == []


def test_a_start_that_broke_after_it_was_accepted_may_have_started(
    cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    cloud.faults.lost = 1.0
    executor, request = make_executor(cloud), prepare("sleep 0.1")
    with pytest.raises(TransientError) as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert executor.find_execution(request) is not None


def test_a_run_that_cannot_be_seen_yet_is_not_given_up_when_it_is_stopped(
    cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    """Cancelled within its first seconds, it would run on with nobody to know of it."""
    executor = make_executor(cloud)
    cloud.faults.hide_seconds = 60
    execution_id = executor.launch_job(prepare("sleep 60")).execution_id
    with pytest.raises(TransientError, match="a new run may not be seen for some seconds"):
        executor.cancel(execution_id, 0)
    cloud.faults.hide_seconds = 0
    executor.cancel(execution_id, 0)
    state = executor.check_status(execution_id)
    assert state.failure is not None
    assert state.failure.kind is FailureKind.CANCELLED


def test_throttling_is_waited_out(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    cloud.faults.refuse("StartJobDefinition", 2)
    assert make_executor(cloud, max_tries=3).launch_job(prepare()).execution_id
    assert cloud.calls["StartJobDefinition"] == 3


def test_throttling_without_end_is_transient_and_started_nothing(
    cloud: Cloud, make_executor: Any, prepare: Any
) -> None:
    cloud.faults.throttled = 1.0
    error = _refusal(make_executor(cloud), prepare(), cloud.credentials.secret_key)
    assert isinstance(error, TransientError)
    assert "too many requests" in error.message
    assert "calls_per_second" in error.hint
    assert cloud.runs.all(lambda made: False) == []


def test_the_platforms_words_do_not_carry_a_secret(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    """A refusal that quotes what it refuses quotes no secret."""
    executor = make_executor(cloud)
    request = attrs.evolve(prepare(), environment={"PLAIN": "x" * 300_000}, secrets={"TOKEN": "environment"})
    with pytest.raises(PermanentError) as caught:
        executor.launch_job(request)
    assert caught.value.kind is FailureKind.SPEC
    assert "invalid argument(s)" in caught.value.message
    assert "environment" not in caught.value.message
