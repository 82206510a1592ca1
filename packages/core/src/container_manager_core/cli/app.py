"""The program ``container-manager``: its commands, and what becomes of their errors."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.errors import Failed, UsageError, code_of, usage_sentence
from container_manager_core.cli.printing import PROGRAM, complain, discard
from container_manager_core.errors import ContainerManagerError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("run", "run"),
    "submit": ("run", "submit"),
    "worker": ("worker", "worker"),
    "list": ("jobs", "list_jobs"),
    "show": ("jobs", "show"),
    "logs": ("jobs", "logs"),
    "cancel": ("control", "cancel"),
    "restart": ("control", "restart"),
    "move": ("control", "move"),
    "costs": ("spending", "costs"),
    "budgets": ("spending", "budgets"),
    "keys": ("keys", "keys"),
    "explain": ("routing", "explain"),
    "route": ("routing", "route"),
    "plan": ("routing", "plan"),
    "reap": ("reaping", "reap"),
    "hosts": ("places", "hosts"),
    "executors": ("places", "executors"),
    "doctor": ("diagnosis", "doctor"),
}
"""Each command's module in this package, and its function there."""


def application(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The program with the commands of these names; their modules are imported."""
    app = typer.Typer(
        name=PROGRAM,
        help="Run jobs in containers, anywhere, and keep every fact about them.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_program)
    for name in names:
        module, function = COMMANDS[name]
        app.command(name)(getattr(import_module(f"container_manager_core.cli.{module}"), function))
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code.

    Args:
        arguments: the words after the program's name.
    """
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout.fileno())
        return exits.BROKEN_PIPE
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        command = typer.main.get_command(application(_needed(arguments)))
        result = command(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except UsageError as error:
        complain(usage_sentence(error, _command_of(error)))
        return exits.USAGE
    except Failed as error:
        complain(error.sentence)
        return error.code
    except ContainerManagerError as error:
        complain(str(error))
        return code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return exits.INTERRUPTED
    except typer.Exit as error:
        return error.exit_code
    except SystemExit as error:
        # What typer makes of a closed pipe.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
    return result if isinstance(result, int) else exits.OK


def _needed(arguments: Sequence[str]) -> tuple[str, ...]:
    """The one command that is asked for, so that only its module is imported; all where that is not plain."""
    first = arguments[2:3] if arguments[:1] == ["--config"] else arguments[:1]
    return tuple(first) if first and first[0] in COMMANDS else tuple(COMMANDS)


def _command_of(error: Exception) -> str:
    """The name of the command whose arguments are wrong; empty for the program's own."""
    context = getattr(error, "ctx", None)
    return context.info_name or "" if context is not None and context.parent is not None else ""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"{PROGRAM} {version('container-manager-core')}")
        raise typer.Exit()


def _program(
    context: typer.Context,
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="Configuration file instead of the one that is found.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
