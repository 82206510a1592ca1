"""What each package shows to the outside, and what importing it costs."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

from support.documents import ROOT
from support.public_names import misplaced

PACKAGES = sorted(
    init.parent.name
    for init in ROOT.glob("packages/*/src/*/__init__.py")
    if init.parent.name != "container_manager"  # Django's: its tests look at it
)
SDKS = ("boto3", "botocore", "django", "docker", "google.cloud", "requests", "scaleway")


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_names_what_is_public(package: str) -> None:
    assert not misplaced(package)


@pytest.mark.parametrize("package", ["container_manager_core", "container_manager_core.executors.mock"])
def test_a_package_gives_each_name_from_the_module_that_a_type_checker_sees(package: str) -> None:
    """These import a name when it is first used; what is written for type checkers says the same."""
    lazy = importlib.import_module(package)
    block = next(node for node in ast.parse(inspect.getsource(lazy)).body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == sorted(lazy.__all__)
    for name, module in seen.items():
        assert getattr(lazy, name) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_and_its_plugin_imports_no_sdk(package: str) -> None:
    plugins = "from container_manager_core import Plugins; Plugins.load()"
    code = f"import sys, {package}; {plugins}; print(*(name for name in {SDKS!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_marked_as_typed(package: str) -> None:
    assert list(ROOT.glob(f"packages/*/src/{package}/py.typed"))
