"""The program ``container-manager``: its commands, and what becomes of their errors."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from container_manager_core.cli import diagnosis, exits, jobs, places, worker
from container_manager_core.cli import run as runs
from container_manager_core.cli.errors import PROGRAM, Failed, UsageError, code_of, complain, discard, usage_sentence
from container_manager_core.errors import ContainerManagerError

app = typer.Typer(
    name=PROGRAM,
    help="Run jobs in containers, anywhere, and keep every fact about them.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run")(runs.run)
app.command("submit")(runs.submit)
app.command("worker")(worker.worker)
app.command("list")(jobs.list_jobs)
app.command("show")(jobs.show)
app.command("logs")(jobs.logs)
app.command("cancel")(jobs.cancel)
app.command("restart")(jobs.restart)
app.command("hosts")(places.hosts)
app.command("executors")(places.executors)
app.command("doctor")(diagnosis.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"{PROGRAM} {version('container-manager-core')}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
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


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code.

    Args:
        arguments: the words after the program's name.
    """
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        discard(sys.stdout.fileno())
        return exits.BROKEN_PIPE


def _run(arguments: Sequence[str]) -> int:
    try:
        result = typer.main.get_command(app)(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        return result if isinstance(result, int) else exits.OK
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


def _command_of(error: Exception) -> str:
    """The name of the command whose arguments are wrong; empty for the program's own."""
    context = getattr(error, "ctx", None)
    return context.info_name or "" if context is not None and context.parent is not None else ""
