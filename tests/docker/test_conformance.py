"""The Docker executor keeps the contract, on a real engine."""

from pathlib import Path
from typing import Any

import pytest

from container_manager_core.executor import ExecutorType
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance
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
