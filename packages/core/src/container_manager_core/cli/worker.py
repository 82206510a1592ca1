"""``worker``."""

from typing import Annotated

import typer

from container_manager_core.cli.context import open_manager
from container_manager_core.cli.printing import PROGRAM
from container_manager_core.cli.stopping import stop_on_signals
from container_manager_core.errors import InvalidInput, NotFound


def worker(
    context: typer.Context,
    max_jobs: Annotated[int | None, typer.Option(metavar="N", help="Most jobs at once.")] = None,
    poll_interval: Annotated[
        float | None, typer.Option(metavar="S", help="Longest time between two looks at the store, in seconds.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Only jobs of this host. Repeatable.", show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is due now, finish it, and end.")] = False,
    drain: Annotated[bool, typer.Option("--drain", help="Work until no job is left, and end.")] = False,
    log_level: Annotated[str, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = "info",
) -> None:
    """Run jobs until told to stop.

    SIGTERM or Ctrl-C lets go of the jobs and ends; their containers go on, and the next worker takes
    them over. A second signal ends at once.
    """
    from container_manager_core.cli.journal import configure

    if once and drain:
        raise InvalidInput("--once", "it excludes --drain", "give one of the two")
    configure(log_level)
    with open_manager(context) as manager:
        for name in host or ():
            if name not in manager.hosts:
                known = ", ".join(sorted(manager.hosts))
                raise NotFound("--host", f"no host is called {name!r}", f"known are: {known}")
        try:
            made = manager.worker(
                max_jobs=max_jobs, poll_interval_seconds=poll_interval, hosts=tuple(host) if host else None
            )
        except InvalidInput as error:
            raise _at_option(error) from error
        with stop_on_signals(made, PROGRAM):
            made.run(once=once, drain=drain)


def _at_option(error: InvalidInput) -> InvalidInput:
    options = {"max_concurrent_jobs": "--max-jobs", "poll_interval_seconds": "--poll-interval"}
    return type(error)(options.get(error.place, error.place), error.problem, error.remedy)
