"""``python -m container_manager_core``: the same program as ``container-manager``."""

import sys

REMEDY = (
    "container-manager: error: the command line needs {missing}, which is not installed; "
    "run: pip install 'container-manager-core[cli]'"
)


def main() -> None:
    """Run the command line with the process's arguments; never returns."""
    try:
        from container_manager_core.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write(REMEDY.format(missing=error.name) + "\n")
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
