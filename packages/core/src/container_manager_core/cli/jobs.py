"""``list``, ``show``, ``logs``, ``cancel`` and ``restart``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli.context import AsJson, JobId, open_manager
from container_manager_core.cli.printing import print_json
from container_manager_core.errors import InvalidInput

if TYPE_CHECKING:
    from container_manager_core.executor import Stream
    from container_manager_core.job import JobStatus


def list_jobs(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", metavar="STATUS", help="Only these. Repeatable.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Only jobs of this host.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this name.")] = None,
    label: Annotated[str | None, typer.Option(metavar="K=V", help="Only jobs with this label.")] = None,
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
        query = JobQuery(statuses=_statuses(status or []), host=host, name=name, label=_label(label), limit=limit)
        found = manager.list(query)
    if as_json:
        print_json([job_facts(job) for job in found])
    else:
        tables.print_jobs(found, filtered=any((status, host, name, label)), limit=limit)


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


def cancel(
    context: typer.Context,
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or beginnings of them.")],
    as_json: AsJson = False,
) -> None:
    """Stop jobs: politely first, then by force. Finished ones stay as they are."""
    from container_manager_core.facts import job_facts

    with open_manager(context) as manager:
        found = [manager.resolve(job_id) for job_id in job_ids]
        jobs = [manager.cancel(job_id) for job_id in found]
    if as_json:
        print_json([job_facts(job) for job in jobs])
        return
    for job in jobs:
        ended = job.status.is_terminal
        print(f"{job.id} {job.status.value}" if ended else f"{job.id} {job.status.value}, to be stopped by its worker")


def restart(
    context: typer.Context,
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or beginnings of them.")],
    as_json: AsJson = False,
) -> None:
    """Run finished jobs again, as a new attempt of the same job."""
    from container_manager_core.facts import job_facts

    with open_manager(context) as manager:
        found = [manager.resolve(job_id) for job_id in job_ids]
        jobs = [manager.restart(job_id) for job_id in found]
    if as_json:
        print_json([job_facts(job) for job in jobs])
        return
    for job in jobs:
        print(f"{job.id} {job.status.value}")


def _statuses(words: list[str]) -> tuple["JobStatus", ...]:
    from container_manager_core.job import JobStatus

    for word in words:
        if word not in set(JobStatus):
            known = ", ".join(status.value for status in JobStatus)
            raise InvalidInput("--status", f"{word!r} is no status", f"use one of: {known}")
    return tuple(JobStatus(word) for word in words)


def _label(word: str | None) -> tuple[str, str] | None:
    if word is None:
        return None
    name, _, value = word.partition("=")
    return name, value


def _write(stream: "Stream", data: bytes, only: "Stream | None") -> None:
    target = sys.stdout if only is not None or stream.value == "stdout" else sys.stderr
    target.buffer.write(data)
    target.buffer.flush()
