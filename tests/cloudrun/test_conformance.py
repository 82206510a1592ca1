"""The Cloud Run executor keeps the contract, on the local cloud."""

import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from local_clouds.cloudrun import LocalCloudRun

from container_manager_cloudrun import CloudRunOptions
from container_manager_cloudrun.plugin import container_manager_executors
from container_manager_core.executor import ContainerExecutor, ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance, Flood, overrides
from container_manager_core.testing.executor_kit import Prepare
from container_manager_core.testing.program import FLOOD_LINE
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

    @overrides(reason="Cloud Logging has whole lines alone, and the suite's child never ends its line")
    def test_children_of_the_command_end_too(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        child = "( while :; do echo .; sleep 0.1; done ) & wait"
        execution_id = executor.launch_job(prepare(command=self.shell(child))).execution_id
        self.wait_for_output(executor, execution_id, b".")
        executor.cancel(execution_id, 1.0)
        before = executor.get_logs(execution_id).stdout
        time.sleep(0.5)
        assert executor.get_logs(execution_id).stdout == before, "something of it still writes"

    @overrides(reason="Cloud Logging has whole lines alone, and the suite's flood stops within one")
    def test_a_page_holds_about_its_limit(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        flood = Flood(8_000 * len(FLOOD_LINE))
        execution_id = self.run(executor, prepare(flood))
        limit, cursor, output, pages = 64 * 1024, "", b"", 0
        while True:
            page = executor.read_logs(execution_id, cursor, limit=limit)
            assert len(page.stdout) <= 3 * limit
            output, cursor, pages = output + page.stdout, page.cursor, pages + 1
            if not page.more:
                break
        assert output == flood.data
        assert pages > 4

    @pytest.fixture
    def faults(self, cloud: LocalCloudRun) -> Iterator[Injector]:
        yield Injector(cloud)
        cloud.faults.hidden_seconds = cloud.faults.late_seconds = 0.0
