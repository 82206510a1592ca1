"""``list``, ``show`` and ``logs``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli.context import AsJson, JobId, open_manager
from container_manager_core.cli.printing import print_json
from container_manager_core.cli.selection import label_of, statuses_of
from container_manager_core.errors import InvalidInput

if TYPE_CHECKING:
    from container_manager_core.executor import Stream


def list_jobs(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", metavar="STATUS", help="Only these. Repeatable.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Only jobs of this host.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this name.")] = None,
    label: Annotated[str | None, typer.Option(metavar="K=V", help="Only jobs with this label.")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this user.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    from container_manager_core.cli import tables
    from container_manager_core.facts import job_facts
    from container_manager_core.store.protocol import JobQuery

    if limit < 1:
        raise InvalidInput("--limit", f"{limit} is out of range", "use 1 or more")
    with open_manager(context) as manager:
        if host is not None and host not in manager.hosts and not as_json:
            print(f"note: no host is configured by the name {host!r}", file=sys.stderr)
        query = JobQuery(
            statuses=statuses_of(status or ()), host=host, name=name, label=label_of(label), user=user, limit=limit
        )
        found = manager.list(query)
    if as_json:
        print_json([job_facts(job) for job in found])
    else:
        tables.print_jobs(found, filtered=any((status, host, name, label, user)), limit=limit)


def show(context: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show all that is known of one job."""
    from container_manager_core.cli import tables
    from container_manager_core.facts import job_facts

    with open_manager(context) as manager:
        found = manager.resolve(job_id)
        job, attempts = manager.get(found), manager.executions(found)
    if as_json:
        print_json(job_facts(job, attempts))
    else:
        tables.print_job(job, attempts)


def logs(
    context: typer.Context,
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    stream: Annotated[
        str | None, typer.Option(metavar="stdout|stderr", help="Only this stream, on stdout.", show_default=False)
    ] = None,
) -> None:
    """Print the output of a job's latest attempt, each stream on its own."""
    from container_manager_core.executor import Stream

    wanted = None
    if stream is not None:
        if stream not in set(Stream):
            raise InvalidInput("--stream", f"{stream!r} is no stream", "use stdout or stderr")
        wanted = Stream(stream)
    with open_manager(context) as manager:
        found = manager.resolve(job_id)
        if follow:
            for chunk in manager.follow(found, wanted):
                _write(chunk.stream, chunk.data, wanted)
            return
        output = manager.logs(found)
    for each, data in ((Stream.STDOUT, output.stdout), (Stream.STDERR, output.stderr)):
        if wanted in (None, each):
            _write(each, data, wanted)


def _write(stream: "Stream", data: bytes, only: "Stream | None") -> None:
    target = sys.stdout if only is not None or stream.value == "stdout" else sys.stderr
    target.buffer.write(data)
    target.buffer.flush()
