"""The Cloud Run executor keeps the contract, on the local cloud."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from local_clouds.cloudrun import LocalCloudRun

from container_manager_cloudrun import CloudRunOptions
from container_manager_cloudrun.plugin import container_manager_executors
from container_manager_core.executor import ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance
from support.engine import Engine

CLOUD_RUN: ExecutorType = container_manager_executors()[0]

METHODS = {"launch_job": "RunJob", "cancel": "CancelExecution", "cleanup": "DeleteExecution", "*": "*"}
TRIES = 5
"""How often the executor makes a call that is throttled."""


class Injector:
    """The suite's faults, in the local cloud's words."""

    def __init__(self, cloud: LocalCloudRun) -> None:
        self._faults = cloud.faults

    def refuse(self, method: str, times: int) -> None:
        self._faults.refuse(METHODS[method], times if method == "*" else times * TRIES)

    def lose_answer(self, method: str) -> None:
        self._faults.lose_answer(METHODS[method])

    def hide_new(self, seconds: float) -> None:
        self._faults.hidden_seconds = seconds

    def delay_output(self, seconds: float) -> None:
        self._faults.late_seconds = seconds


class TestCloudRun(ExecutorConformance):
    executor_type = CLOUD_RUN
    missing_image = "localhost:1/there-is-no-such-image:1"
    memory_limit_mib = 512
    largest_environment_bytes = 60_000
    impossible_spec = ContainerSpec(image="busybox", resources=Resources(memory_mib=40_000))

    @pytest.fixture(autouse=True)
    def _image(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "image", engine.image)

    @pytest.fixture
    def options(self, cloud: LocalCloudRun, cloud_options: CloudRunOptions) -> Any:
        return cloud_options

    @pytest.fixture
    def unreachable_options(self, cloud_options: CloudRunOptions) -> Any:
        return attrs.evolve(cloud_options, api_endpoint="localhost:1", logging_endpoint="localhost:1", timeout=2.0)

    @pytest.fixture
    def faults(self, cloud: LocalCloudRun) -> Iterator[Injector]:
        yield Injector(cloud)
        cloud.faults.hidden_seconds = cloud.faults.late_seconds = 0.0
