"""``worker``."""

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import open_manager
from container_manager_core.cli.printing import PROGRAM
from container_manager_core.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from container_manager_core.worker import Worker


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
        _stop_on_signals(made)
        made.run(once=once, drain=drain)


def _at_option(error: InvalidInput) -> InvalidInput:
    options = {"max_concurrent_jobs": "--max-jobs", "poll_interval_seconds": "--poll-interval"}
    return type(error)(options.get(error.place, error.place), error.problem, error.remedy)


def _stop_on_signals(made: "Worker") -> None:
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            made.stop()
            return
        # Written past Python's own buffers: the signal may have come in the middle of a write to them.
        os.write(2, f"{PROGRAM}: ended at once by a second signal; another worker takes the jobs over\n".encode())
        os._exit(exits.INTERRUPTED if number == signal.SIGINT else exits.TERMINATED)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
