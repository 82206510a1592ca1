"""Tries a distribution that was just installed: ``installed.py NAME``. It uses the standard library alone.

Its package can be imported, is marked as typed, and its entry points can be loaded.
"""

import importlib
import sys
from importlib.metadata import distribution
from pathlib import Path

ENTRY_POINTS = "container_manager"
NOT_A_PLUGIN = {"container-manager-core", "django-container-manager"}


def main() -> None:
    installed = distribution(sys.argv[1])
    files = [Path(file) for file in installed.files or ()]
    packages = sorted({file.parts[0] for file in files if file.name == "__init__.py" and len(file.parts) == 2})
    if not packages:
        raise SystemExit(f"{installed.name} holds no package")
    for package in packages:
        importlib.import_module(package)
        if Path(package, "py.typed") not in files:
            raise SystemExit(f"{installed.name} lacks {package}/py.typed")
    announced = [point for point in installed.entry_points if point.group == ENTRY_POINTS]
    if not announced and installed.name not in NOT_A_PLUGIN:
        raise SystemExit(f"{installed.name} announces nothing in the entry point group {ENTRY_POINTS}")
    for point in announced:
        point.load()
    print(f"{installed.name} {installed.version}: {', '.join(packages)} imported, {len(announced)} entry points loaded")


if __name__ == "__main__":
    main()
