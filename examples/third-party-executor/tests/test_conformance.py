"""The executor, found by its entry point, keeps the contract."""

from pathlib import Path
from typing import Any

import pytest
from container_manager_folder.plugin import FOLDER, FolderOptions

from container_manager_core.plugins import Plugins
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import ExecutorConformance


def test_it_is_found_by_its_entry_point() -> None:
    plugins = Plugins.load()
    assert plugins.problems == []
    assert plugins.executor_type("folder").factory is FOLDER.factory
    assert plugins.executor_type("folder").distribution == "container-manager-folder"


class TestFolder(ExecutorConformance):
    executor_type = FOLDER
    impossible_spec = ContainerSpec(image="alpine", command=("true",), user="nobody")

    @pytest.fixture
    def options(self, tmp_path: Path) -> Any:
        return FolderOptions(path=str(tmp_path))

    @pytest.fixture
    def unreachable_options(self, tmp_path: Path) -> Any:
        (tmp_path / "file").write_text("no folder")
        return FolderOptions(path=str(tmp_path / "file"))
