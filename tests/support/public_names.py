"""What a package shows to the outside, and in which order it lists that."""

import importlib
import inspect
import pkgutil
from types import ModuleType


def misplaced(package: str) -> list[str]:
    """The packages, this one and those below it, whose ``__all__`` is unsorted or not what is public."""
    return [module.__name__ for module in _modules_of(package) if not _is_right(module)]


def _is_right(module: ModuleType) -> bool:
    listed = list(getattr(module, "__all__", []))
    return listed == sorted(listed, key=_place_in_order) and set(listed) == _public_names(module)


def _modules_of(package: str) -> list[ModuleType]:
    """A package and every package below it: what has an ``__init__`` of its own."""
    root = importlib.import_module(package)
    below = pkgutil.walk_packages(root.__path__, f"{package}.")
    return [root, *(importlib.import_module(found.name) for found in below if found.ispkg)]


def _place_in_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name: as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _public_names(module: ModuleType) -> set[str]:
    """The names without an underscore that a package's ``__init__`` binds, submodules left out."""
    return {name for name in dir(module) if not name.startswith("_") and not inspect.ismodule(getattr(module, name))}
