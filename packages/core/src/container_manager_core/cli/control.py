"""``cancel``, ``restart`` and ``move``: one job, some, or all that match."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.printing import print_json
from container_manager_core.cli.selection import (
    Everything,
    JobIds,
    OfHost,
    OfLabel,
    OfName,
    OfUser,
    Selection,
    Statuses,
    print_result,
    tell_progress,
)
from container_manager_core.cli.wording import what_follows
from container_manager_core.errors import NotFound

if TYPE_CHECKING:
    from container_manager_core.job import Job


def cancel(
    context: typer.Context,
    job_ids: JobIds = None,
    status: Statuses = None,
    host: OfHost = None,
    name: OfName = None,
    label: OfLabel = None,
    user: OfUser = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> int:
    """Stop jobs: politely first, then by force. Finished ones stay as they are.

    Jobs are named by their ids, or all that match the filters are meant.
    """
    selection = Selection(
        ids=job_ids or (), statuses=status or (), host=host, name=name, label=label, user=user, everything=everything
    )
    with open_manager(context) as manager:
        if selection.is_filter:
            return print_result(manager.bulk.cancel(selection.query(manager), tell_progress), "to be stopped", as_json)
        return _each(job_ids or (), manager.resolve, manager.cancel, as_json)


def restart(
    context: typer.Context,
    job_ids: JobIds = None,
    status: Statuses = None,
    host: OfHost = None,
    name: OfName = None,
    label: OfLabel = None,
    user: OfUser = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> int:
    """Run finished jobs again, as a new attempt of the same job.

    Jobs are named by their ids, or all finished ones that match the filters are meant.
    """
    selection = Selection(
        ids=job_ids or (), statuses=status or (), host=host, name=name, label=label, user=user, everything=everything
    )
    with open_manager(context) as manager:
        if selection.is_filter:
            return print_result(manager.bulk.restart(selection.query(manager), tell_progress), "restarted", as_json)
        return _each(job_ids or (), manager.resolve, manager.restart, as_json)


def move(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="HOST", help="The host they shall run on.", show_default=False)],
    job_ids: JobIds = None,
    status: Statuses = None,
    host: OfHost = None,
    name: OfName = None,
    label: OfLabel = None,
    user: OfUser = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> int:
    """Have unfinished jobs run on another host. A running one is stopped, and starts anew there.

    Jobs are named by their ids, or all unfinished ones that match the filters are meant. Ends 1 when the host
    cannot run some of them, which stay where they are.
    """
    selection = Selection(
        ids=job_ids or (), statuses=status or (), host=host, name=name, label=label, user=user, everything=everything
    )
    with open_manager(context) as manager:
        if to not in manager.hosts:
            known = ", ".join(sorted(manager.hosts)) or "none"
            raise NotFound("--to", f"no host is called {to!r}", f"known are: {known}")
        if selection.is_filter:
            return print_result(manager.bulk.move(selection.query(manager), to, tell_progress), "moved", as_json)
        return _each(job_ids or (), manager.resolve, lambda job_id: manager.move(job_id, to), as_json)


def _each(words: Sequence[str], resolve: Callable[[str], Any], change: Callable[[Any], "Job"], as_json: bool) -> int:
    found = [resolve(word) for word in words]
    jobs = [change(job_id) for job_id in found]
    if as_json:
        from container_manager_core.facts import job_facts

        print_json([job_facts(job) for job in jobs])
        return exits.OK
    for job in jobs:
        print(f"{job.id} {what_follows(job)}")
    return exits.OK
