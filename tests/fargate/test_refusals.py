"""What goes wrong has its kind, the platform's words and a remedy, and shows no secret."""

from typing import Any

import pytest
from local_clouds.fargate import Fault, Faults, LocalFargate

from container_manager_core.errors import CapacityError, PermanentError, TransientError
from container_manager_core.executor import Capability
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from container_manager_fargate.plugin import CAPABILITIES
from support.fargate import DENIED, TRIES

SECRET = "correct-horse-battery-staple"


def refusal(executor: Any, request: Any, error: type[Exception] = PermanentError) -> Any:
    with pytest.raises(error) as caught:
        executor.launch_job(request)
    assert caught.value.hint, "there is a remedy"
    assert SECRET not in repr(caught.value) + str(caught.value)
    return caught.value


def test_an_unknown_access_key(executor: Any, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    error = refusal(executor, prepare("true"))
    assert error.kind is FailureKind.CREDENTIALS
    assert "The security token included in the request is invalid" in str(error)
    assert "check the worker's access key" in str(error)


def test_a_wrong_secret_key(executor: Any, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    error = refusal(executor, prepare("true"))
    assert error.kind is FailureKind.CREDENTIALS
    assert "signature we calculated does not match" in str(error)


def test_no_credentials_at_all(executor: Any, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = refusal(executor, prepare("true"))
    assert error.kind is FailureKind.CREDENTIALS
    assert "give the worker a role, a profile, or AWS_ACCESS_KEY_ID" in str(error)


def test_an_unknown_profile(make_executor: Any, prepare: Any) -> None:
    error = refusal(make_executor(profile="nobody"), prepare("true"))
    assert error.kind is FailureKind.CREDENTIALS
    assert "nobody" in str(error)


def test_a_missing_permission_names_the_action(executor: Any, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DENIED.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DENIED.secret_key)
    error = refusal(executor, prepare("true"))
    assert error.kind is FailureKind.CREDENTIALS
    assert "is not authorized to perform: ecs:RunTask" in str(error)
    assert "allow the action" in str(error)
    health = executor.check_health()
    assert not health.ok
    assert "ecs:DescribeClusters" in health.message


def test_an_expired_token_is_renewed_or_told(
    executor: Any, prepare: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that were renewed meanwhile are read anew; without them the error passes by itself."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "old")
    assert executor.check_health().ok
    faults.expired_tokens = {"old"}
    error = refusal(executor, prepare("true"), TransientError)
    assert error.kind is FailureKind.CREDENTIALS
    assert "renew the worker's credentials" in str(error)
    executor.close()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "old")
    faults.expired_tokens = set()
    assert executor.check_health().ok
    faults.expired_tokens = {"old"}
    monkeypatch.setenv("AWS_SESSION_TOKEN", "new")
    assert executor.launch_job(prepare("true")).execution_id


def test_an_unknown_cluster(make_executor: Any, prepare: Any) -> None:
    executor = make_executor(cluster="nowhere")
    error = refusal(executor, prepare("true"))
    assert (error.kind, "Cluster not found" in str(error)) == (FailureKind.SPEC, True)
    assert "create the cluster 'nowhere'" in str(error)
    health = executor.check_health()
    assert (health.ok, "'nowhere' in eu-central-1 is MISSING" in health.message) == (False, True)
    assert "aws ecs create-cluster --cluster-name nowhere" in health.hint


def test_an_unknown_region(make_executor: Any, prepare: Any) -> None:
    error = refusal(make_executor(region="eu-nowhere-7"), prepare("true"))
    assert error.kind is FailureKind.SPEC
    assert "not 'eu-nowhere-7'" in str(error)
    assert "correct the host's region" in str(error)


def test_no_region_at_all(make_executor: Any, prepare: Any) -> None:
    error = refusal(make_executor(region=None), prepare("true"))
    assert error.kind is FailureKind.SPEC
    assert "set the host's region, or AWS_DEFAULT_REGION" in str(error)


def test_a_subnet_that_does_not_exist(make_executor: Any, prepare: Any, cloud: LocalFargate) -> None:
    error = refusal(make_executor(subnets=("subnet-gone",)), prepare("true"))
    assert error.kind is FailureKind.SPEC
    assert "The subnet ID 'subnet-gone' does not exist" in str(error)
    assert "correct the host's subnets and security_groups" in str(error)


def test_an_exceeded_quota_is_no_room_for_now(executor: Any, prepare: Any) -> None:
    """The cloud of the tests has a quota of 100 vCPUs: seven tasks of 16 are too many."""
    requests = [prepare("sleep", "60", resources=Resources(cpus=16)) for _ in range(7)]
    with pytest.raises(CapacityError, match="reached the limit on the number of vCPUs") as caught:
        for request in requests:
            executor.launch_job(request)
    assert caught.value.kind is FailureKind.QUOTA
    assert "ask for more in Service Quotas" in str(caught.value)


def test_an_image_that_cannot_be_pulled(executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("true", image="container-manager-tests/no-such-image:1", secrets={})
    failure = wait(executor, executor.launch_job(request).execution_id).failure
    assert failure.kind is FailureKind.IMAGE
    assert "container-manager-tests/no-such-image:1" in failure.message
    assert "CannotPullContainerError" in failure.message
    assert "check the image" in failure.hint


def test_a_storm_of_throttling_passes_by_itself(executor: Any, prepare: Any, faults: Faults, cloud: Any) -> None:
    faults.plan("RunTask", Fault.THROTTLED, times=TRIES - 1)
    before = cloud.calls["RunTask"]
    assert executor.launch_job(prepare("true")).execution_id
    assert cloud.calls["RunTask"] - before == TRIES


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"resources": Resources(gpus=1)}, "resources.gpus"),
        ({"resources": Resources(pids=10)}, "resources.pids"),
        ({"resources": Resources(cpus=17)}, "resources.cpus"),
        ({"resources": Resources(memory_mib=200_000)}, "resources.memory_mib"),
        ({"privileged": True}, "privileged"),
        ({"hostname": "me"}, "hostname"),
        ({"networks": ("backend",)}, "networks"),
        ({"add_capabilities": ("NET_ADMIN",)}, "add_capabilities"),
        ({"stop_grace_seconds": 121}, "stop_grace_seconds"),
        ({"pull": "never"}, "pull"),
        ({"platform": "windows/amd64"}, "platform"),
    ],
)
def test_what_fargate_cannot_do_is_in_the_plan_with_its_remedy(
    executor: Any, prepare: Any, spec: dict[str, Any], place: str
) -> None:
    request = prepare("true", **spec)
    (problem,) = executor.plan(request.spec).problems
    assert problem.place == place
    assert problem.remedy
    assert refusal(executor, request).kind is FailureKind.SPEC


def test_what_it_cannot_do_it_does_not_declare() -> None:
    assert not CAPABILITIES & {Capability.USAGE, Capability.SEPARATE_STREAMS, Capability.BINARY_LOGS, Capability.EVENTS}
