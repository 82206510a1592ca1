"""What each package shows to the outside, and what importing it costs."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

from support.documents import ROOT

PACKAGES = sorted(init.parent.name for init in ROOT.glob("packages/*/src/*/__init__.py"))
SDKS = ("boto3", "botocore", "django", "docker", "google.cloud", "requests", "scaleway")


def modules_of(package: str) -> list[ModuleType]:
    """A package and every package below it: what has an ``__init__`` of its own."""
    root = importlib.import_module(package)
    below = pkgutil.walk_packages(root.__path__, f"{package}.")
    return [root, *(importlib.import_module(found.name) for found in below if found.ispkg)]


def _place_in_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name: as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def public_names(module: ModuleType) -> set[str]:
    """The names without an underscore that a package's ``__init__`` binds, submodules left out."""
    return {name for name in dir(module) if not name.startswith("_") and not inspect.ismodule(getattr(module, name))}


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_names_what_is_public(package: str) -> None:
    for module in modules_of(package):
        listed = list(getattr(module, "__all__", []))
        assert listed == sorted(listed, key=_place_in_order), module.__name__
        assert set(listed) == public_names(module), module.__name__


def test_the_core_gives_each_name_from_the_module_that_a_type_checker_sees() -> None:
    """The core imports a name when it is first used; what is written for type checkers says the same."""
    core = importlib.import_module("container_manager_core")
    block = next(node for node in ast.parse(inspect.getsource(core)).body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == sorted(core.__all__)
    for name, module in seen.items():
        assert getattr(core, name) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_and_its_plugin_imports_no_sdk(package: str) -> None:
    plugins = "from container_manager_core import Plugins; Plugins.load()"
    code = f"import sys, {package}; {plugins}; print(*(name for name in {SDKS!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_marked_as_typed(package: str) -> None:
    assert list(ROOT.glob(f"packages/*/src/{package}/py.typed"))
