"""The Docker executor keeps the contract, on a real engine."""

import time
from pathlib import Path
from typing import Any

import pytest

from container_manager_core.executor import ContainerExecutor, ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance, Flood, Say, overrides
from container_manager_core.testing.executor_kit import Prepare
from container_manager_docker import DockerOptions
from container_manager_docker.plugin import container_manager_executors
from support.engine import Engine

DOCKER: ExecutorType = container_manager_executors()[0]


class TestDocker(ExecutorConformance):
    executor_type = DOCKER
    impossible_spec = ContainerSpec(image="alpine", resources=Resources(memory_mib=5))

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "image", engine.image)

    @pytest.fixture
    def options(self, engine: Engine) -> Any:
        return DockerOptions(base_url=engine.base_url)

    @pytest.fixture
    def unreachable_options(self, tmp_path: Path) -> Any:
        return DockerOptions(base_url=f"unix://{tmp_path}/docker.sock")

    @overrides(reason="a Docker engine shows live output line by line, and the suite's child never ends its line")
    def test_children_of_the_command_end_too(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        child = "( while :; do echo .; sleep 0.1; done ) & wait"
        execution_id = executor.launch_job(prepare(command=self.shell(child))).execution_id
        self.wait_for_output(executor, execution_id, b".")
        executor.cancel(execution_id, 1.0)
        before = executor.get_logs(execution_id).stdout
        time.sleep(0.5)
        assert executor.get_logs(execution_id).stdout == before, "something of it still writes"

    @overrides(reason="engines such as 20.10 do not keep the end of a last line over 16 KiB; so one more line follows")
    def test_a_very_long_line_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        line = Flood(200_000, lines=False)
        execution_id = self.run(executor, prepare(line, Say(b"\nlast\n")))
        assert executor.get_logs(execution_id).stdout == line.data + b"\nlast\n"
