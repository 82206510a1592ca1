"""``python -m container_manager_core``: the same program as ``container-manager``."""

import os
import sys

QUICK = (["executors"], ["executors", "--json"])
"""Answered without typer, whose import takes longer than the answer."""


def main() -> None:
    """Run the command line with the process's arguments; never returns."""
    arguments = sys.argv[1:]
    sys.exit(_quick(arguments) if arguments in QUICK else _run(arguments))


def _quick(arguments: list[str]) -> int:
    from container_manager_core.cli import printing
    from container_manager_core.cli.installed import print_executors

    try:
        print_executors("--json" in arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        from container_manager_core.cli import exits

        printing.discard(sys.stdout.fileno())
        return exits.BROKEN_PIPE
    return os.EX_OK


def _run(arguments: list[str]) -> int:
    try:
        from container_manager_core.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        from container_manager_core.cli import exits, printing

        printing.complain(
            f"the command line needs {error.name}, which is not installed; "
            "run: pip install 'container-manager-core[cli]'"
        )
        return exits.USAGE
    return run(arguments)


if __name__ == "__main__":
    main()
