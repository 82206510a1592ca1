"""The process executor keeps the contract."""

from pathlib import Path
from typing import Any

import pytest

from container_manager_core.executors.process import PROCESS, ProcessOptions
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance


class TestProcess(ExecutorConformance):
    executor_type = PROCESS
    impossible_spec = ContainerSpec(image="alpine", command=("true",), networks=("backend",), user="nobody")

    @pytest.fixture
    def options(self, tmp_path: Path) -> Any:
        return ProcessOptions(state_folder=str(tmp_path))

    @pytest.fixture
    def unreachable_options(self, tmp_path: Path) -> Any:
        (tmp_path / "file").write_text("no folder")
        return ProcessOptions(state_folder=str(tmp_path / "file"))
