"""What a ContainerSpec accepts."""

import pytest

from container_manager_core import ContainerSpec, InvalidInput, Mount, Port, Resources, RetryPolicy
from container_manager_core.failure import Failure, FailureKind


@pytest.mark.parametrize(
    "image",
    [
        "alpine",
        "alpine:3.20",
        "library/alpine",
        "localhost:5000/x/y:1",
        "localhost/x",
        "Reg.example:80/x",
        "[::1]:5000/x",
        "registry.example/team/app:1.2@sha256:" + "a" * 64,
    ],
)
def test_an_image_reference_is_accepted(image: str) -> None:
    assert ContainerSpec(image=image).image == image


@pytest.mark.parametrize("image", ["", "a:b:c", "UPPER", "UPPER/x", "reg.io/Team/x", "-x", "a b", "a\n", "x@sha256:1"])
def test_a_bad_image_reference_is_refused_by_its_value(image: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ContainerSpec(image=image)
    assert repr(image) in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"resources": {"memory_mib": -5}}, "resources.memory_mib: -5 is out of range; use a whole number from 4"),
        ({"resources": {"memory_mib": 1.5}}, "resources.memory_mib: 1.5 is out of range"),
        ({"resources": {"cpus": float("nan")}}, "resources.cpus: nan is out of range"),
        ({"timeout_seconds": 0}, "timeout_seconds: 0 is out of range"),
        ({"timeout_seconds": True}, "timeout_seconds: True is out of range"),
        ({"working_directory": "here"}, "working_directory: 'here' is not absolute"),
        ({"environment": {"A=B": "x"}}, "'A=B' cannot be the name of an environment variable"),
        ({"environment": {"A": "x"}, "secrets": {"A": "y"}}, "'A' is in the environment in clear too"),
        ({"labels": {"bad label": "x"}}, "'bad label' cannot be the name of a label"),
        ({"command": "echo a && b"}, "the shell operator '&'"),
        ({"privileged": "false"}, "privileged: 'false' is neither True nor False"),
        ({"networks": "mynet"}, "'mynet' stands where a list is meant"),
        ({"network_aliases": {"back": ["db"]}}, "network_aliases['back']: 'back' is none of the job's networks"),
        (
            {"networks": ["back"], "network_aliases": {"back": "db"}},
            "network_aliases['back']: 'db' stands where",
        ),
        ({"networks": ["back"], "network_aliases": {"back": [""]}}, "network_aliases['back'][0]: "),
        ({"auto_remove": "no"}, "auto_remove: 'no' is neither True nor False"),
        ({"pull": "sometimes"}, "pull: 'sometimes' is no pull policy; use 'missing', 'always' or 'never'"),
        ({"max_output_bytes": 1}, "max_output_bytes: 1 is out of range"),
    ],
)
def test_a_bad_value_is_named_with_its_place(facts: dict, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        limits = Resources(**facts.pop("resources")) if "resources" in facts else Resources()
        ContainerSpec(image="alpine", resources=limits, **facts)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mount(target="data", source="/x"), "mounts.target: 'data' is not absolute"),
        (lambda: Mount(target="/data", source="x"), "mounts.source: 'x' is not absolute"),
        (lambda: Mount(target="/data", kind="tmpfs", source="/x"), "a tmpfs has no source"),
        (lambda: Port(container_port=0), "ports.container_port: 0 is out of range"),
        (lambda: Port(container_port=1, protocol="icmp"), "'icmp' is no protocol"),
        (lambda: RetryPolicy(retry_on=["lost"]), "'lost' is a failure of the platform"),
    ],
)
def test_a_bad_attachment_or_policy_is_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    assert message in str(caught.value)


def test_a_spec_cannot_be_changed_through_what_it_was_made_of() -> None:
    environment = {"A": "1"}
    spec = ContainerSpec(image="alpine", environment=environment)
    environment["A"] = "2"
    assert spec.environment == {"A": "1"}
    with pytest.raises(TypeError):
        spec.environment["A"] = "3"  # type: ignore[index]


EXIT = Failure(kind=FailureKind.EXIT, retryable=True)
LOST = Failure(kind=FailureKind.LOST, retryable=True)


def test_a_job_is_not_retried_unless_it_says_so() -> None:
    assert RetryPolicy().pause_before_next([EXIT]) is None


def test_pauses_double_up_to_the_longest() -> None:
    policy = RetryPolicy(max_attempts=10, backoff_seconds=1, max_backoff_seconds=5, jitter=0)
    pauses = [policy.pause_before_next([EXIT] * count) for count in range(1, 6)]
    assert pauses == [1, 2, 4, 5, 5]


def test_failures_of_the_platform_do_not_use_up_the_job_s_attempts() -> None:
    policy = RetryPolicy(max_attempts=2, max_infrastructure_attempts=2, jitter=0)
    assert policy.pause_before_next([LOST, LOST]) == 2
    assert policy.pause_before_next([LOST, LOST, EXIT]) == 1
    assert policy.pause_before_next([LOST, LOST, EXIT, LOST]) is None
    assert policy.pause_before_next([EXIT, EXIT]) is None


def test_jitter_only_shortens() -> None:
    policy = RetryPolicy(max_attempts=2, backoff_seconds=10, jitter=0.5)
    assert policy.pause_before_next([EXIT], chance=lambda: 1.0) == 5
    assert policy.pause_before_next([EXIT], chance=lambda: 0.0) == 10
