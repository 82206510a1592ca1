"""Hosts, users and faults of the local Fargate."""

from typing import Any, ClassVar

from local_clouds.fargate import Fault, Faults, LocalFargate, User

from container_manager_fargate import FargateOptions

ROLE = "arn:aws:iam::123456789012:role/execution"
USER = User(name="local", access_key="local", secret_key="local")
DENIED = User(
    name="guest", access_key="guest", secret_key="guest", denied=frozenset({"ecs:RunTask", "ecs:DescribeClusters"})
)
TRIES = 4
"""How often the executor makes a call that is throttled."""


def options_for(cloud: LocalFargate, **options: Any) -> FargateOptions:
    """Options of a host in the cloud, quick enough for tests."""
    usual = {
        "endpoint_url": cloud.url,
        "region": cloud.region,
        "subnets": ("subnet-1",),
        "execution_role_arn": ROLE,
        "ecs_calls_per_second": 5000,
        "log_calls_per_second": 5000,
        "backoff_seconds": 0.01,
        "log_interval_seconds": 0.05,
        "log_settle_seconds": 0.05,
    }
    return FargateOptions(**{**usual, **options})


class Injector:
    """Makes calls of the executor go wrong, for the conformance suite."""

    ACTIONS: ClassVar = {"launch_job": "RunTask", "cancel": "StopTask", "cleanup": "DeleteLogStream", "*": "*"}

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def refuse(self, method: str, times: int) -> None:
        each = 1 if method == "*" else TRIES
        self._faults.plan(self.ACTIONS[method], Fault.THROTTLED, times * each)

    def lose_answer(self, method: str) -> None:
        self._faults.plan(self.ACTIONS[method], Fault.LOST, TRIES)

    def hide_new(self, seconds: float) -> None:
        self._faults.hidden_seconds = seconds

    def delay_output(self, seconds: float) -> None:
        self._faults.least_late_log_seconds = seconds
