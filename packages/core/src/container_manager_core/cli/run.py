"""``run`` and ``submit``."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.errors import Failed
from container_manager_core.cli.printing import complain, print_json
from container_manager_core.cli.specification import JobOptions, at_option, takes_job_options
from container_manager_core.cli.stopping import signals_interrupt
from container_manager_core.errors import ExecutorError, InvalidInput, StoreUnavailable

if TYPE_CHECKING:
    from container_manager_core.acceptance import Submission

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Do not wait: store the job, print its id and end.")]


@takes_job_options
def run(context: typer.Context, options: JobOptions, detach: Detach = False, as_json: AsJson = False) -> int:
    """Run a command in a container, show its output as it comes, and exit with its code.

    124: timed out. 125: could not be started. 130: interrupted or cancelled. 137: out of memory. 2: a
    mistake in the arguments or the configuration. With --json the facts about the job are printed at
    the end, and its output is shown on stderr.
    """
    return _submit(context, options, as_json) if detach else _run(context, options, as_json)


@takes_job_options
def submit(
    context: typer.Context,
    options: JobOptions,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", help="So many jobs, all alike.", show_default=False)
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="The jobs in this file, a JSON object a line; - is stdin."),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="NAME",
            help="With --count or --file: a name for all. Submitting it again adds only what is missing.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Store a job for a worker to run, and print its id.

    With --count or --file many: each id on a line. An object of the file has the fields of a spec (image, command,
    resources, ...) and, beside them, name, priority, host, executor, scheduled_at and created_by.
    """
    if count is None and file is None:
        if batch is not None:
            raise InvalidInput("--batch", "it is for many jobs", "give --count or --file with it")
        return _submit(context, options, as_json)
    return _submit_many(context, _wanted(options, count, file), batch, as_json)


def _wanted(options: JobOptions, count: int | None, file: str | None) -> "Sequence[Submission]":
    from container_manager_core.acceptance import Submission
    from container_manager_core.cli.jobfile import submissions

    if file is not None:
        if count is not None or options.image is not None:
            raise InvalidInput("--file", "it says what to run", "leave out IMAGE, COMMAND and --count")
        return submissions(file)
    if count is not None and count < 1:
        raise InvalidInput("--count", f"{count} is out of range", "use 1 or more")
    try:
        return [Submission(spec=options.spec(), **options.keywords())] * (count or 0)
    except InvalidInput as error:
        raise at_option(error) from error


def _submit_many(context: typer.Context, wanted: "Sequence[Submission]", batch: str | None, as_json: bool) -> int:
    from container_manager_core.cli.selection import tell_progress

    with open_manager(context) as manager:
        try:
            jobs = manager.submit_many(wanted, batch=batch, on_batch=tell_progress)
        except InvalidInput as error:
            raise at_option(error) from error
    if as_json:
        from container_manager_core.facts import job_facts

        print_json([job_facts(job) for job in jobs])
    else:
        for job in jobs:
            print(job.id)
    return exits.OK


def _submit(context: typer.Context, options: JobOptions, as_json: bool) -> int:
    spec = options.spec()
    with open_manager(context) as manager:
        try:
            job = manager.submit(spec, **options.keywords())
        except InvalidInput as error:
            raise at_option(error) from error
    if as_json:
        from container_manager_core.facts import job_facts

        print_json(job_facts(job))
    else:
        print(job.id)
    return exits.OK


def _run(context: typer.Context, options: JobOptions, as_json: bool) -> int:
    from container_manager_core.cli.journal import configure
    from container_manager_core.cli.output import LiveOutput

    spec = options.spec()
    configure("warning" if sys.stderr.isatty() else "error")
    output = LiveOutput(stdout_to_stderr=as_json)
    with open_manager(context) as manager, signals_interrupt() as signals:
        try:
            job = manager.run(spec, on_output=output.write, on_progress=output.report, **options.keywords())
        except InvalidInput as error:
            raise at_option(error) from error
        except (ExecutorError, StoreUnavailable) as error:
            raise Failed(exits.NOT_STARTED, str(error)) from error
    explanation = exits.explanation(job)
    if explanation and not output.reader_gone:
        complain(explanation)
    if as_json:
        from container_manager_core.facts import job_facts

        print_json(job_facts(job))
    code = exits.exit_code(job)
    if code != exits.INTERRUPTED:
        return code
    if output.reader_gone:
        return exits.BROKEN_PIPE
    return 128 + signals[0] if signals else code
