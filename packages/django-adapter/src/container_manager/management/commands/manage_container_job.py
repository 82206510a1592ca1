"""``manage.py manage_container_job``: one job from its making to its end."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from container_manager.management import pages
from container_manager.management.mistakes import as_command_errors
from container_manager.management.streams import OutputTarget, output_target
from container_manager.management.submission import add_job_arguments, submit
from container_manager.manager import become_worker, get_manager
from container_manager_core.cli import exits
from container_manager_core.cli.printing import discard
from container_manager_core.cli.stopping import signals_interrupt
from container_manager_core.cli.wording import what_follows
from container_manager_core.errors import InvalidInput, NotFound
from container_manager_core.executor import Stream
from container_manager_core.facts import budget_facts, decision_facts, job_facts
from container_manager_core.job import Job, JobStatus
from container_manager_core.routing.report import decision_lines
from container_manager_core.store.protocol import JobQuery


class Command(BaseCommand):
    """Makes, shows, stops, restarts, moves and runs jobs."""

    help = (
        "Make, list, show, cancel, restart, move and run container jobs, read their output, explain their routes,"
        " and show what stands on the budgets."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="store a job for a worker to run, and print its id")
        add_job_arguments(create)
        run = actions.add_parser("run", help="make a job, work on it here, show its output, exit with its code")
        add_job_arguments(run)
        listing = actions.add_parser("list", help="list jobs, newest first")
        listing.add_argument("--status", action="append", default=[], metavar="S", help="only these; may be repeated")
        listing.add_argument("--host", metavar="H", help="only jobs of this host")
        listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many; 50")
        show = actions.add_parser("show", help="show all that is known of one job")
        show.add_argument("job_ids", nargs=1, metavar="ID", help="a job's id, or the beginning of one")
        show.add_argument("--logs", action="store_true", help="with its output")
        for name, purpose in (("cancel", "stop jobs"), ("restart", "run finished jobs again")):
            several = actions.add_parser(name, help=purpose)
            several.add_argument("job_ids", nargs="+", metavar="ID", help="jobs' ids, or the beginnings of them")
        move = actions.add_parser("move", help="have unfinished jobs run on another host")
        move.add_argument("job_ids", nargs="+", metavar="ID", help="jobs' ids, or the beginnings of them")
        move.add_argument("--to", required=True, metavar="HOST", help="the host they shall run on")
        logs = actions.add_parser("logs", help="print the output of a job's latest attempt")
        logs.add_argument("job_ids", nargs=1, metavar="ID", help="a job's id, or the beginning of one")
        logs.add_argument("--follow", action="store_true", help="go on until the job has ended")
        logs.add_argument("--stream", choices=[*map(str, Stream)], help="only this one")
        explain = actions.add_parser("explain", help="tell why a job runs where it does, or why it waits")
        explain.add_argument("job_ids", nargs=1, metavar="ID", help="a job's id, or the beginning of one")
        actions.add_parser("budgets", help="show what is spent and held back of each budget, and what is left")
        for name, each in actions.choices.items():
            if name == "logs":
                continue
            each.add_argument("--json", action="store_true", dest="as_json", help="print JSON instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with as_command_errors():
                code = getattr(self, f"_{options['action']}")(options)
        except BrokenPipeError:
            discard(sys.stdout.fileno())
            code = exits.BROKEN_PIPE
        if code:
            sys.exit(code)

    def _create(self, options: dict[str, Any]) -> None:
        job = get_manager().get(submit(options).id)
        if options["as_json"]:
            self._print_json(job_facts(job))
        else:
            self.stdout.write(str(job.id))

    def _run(self, options: dict[str, Any]) -> int:
        output = output_target(self.stdout, self.stderr, all_to_stderr=options["as_json"])
        with signals_interrupt() as signals:
            job = become_worker().run_stored(submit(options).id, on_output=output.write, on_progress=output.report)
        if options["as_json"]:
            self._print_json(job_facts(job))
        return self._tell_end(job, output, signals)

    def _tell_end(self, job: Job, output: OutputTarget, signals: list[int]) -> int:
        explanation = exits.explanation(job)
        if explanation and not output.reader_gone:
            self.stderr.write(explanation)
        code = exits.exit_code(job)
        if code != exits.INTERRUPTED:
            return code
        if output.reader_gone:
            return exits.BROKEN_PIPE
        return 128 + signals[0] if signals else code

    def _list(self, options: dict[str, Any]) -> None:
        if options["limit"] < 1:
            raise InvalidInput("--limit", f"{options['limit']} is out of range", "use 1 or more")
        query = JobQuery(statuses=_statuses(options["status"]), host=options["host"], limit=options["limit"])
        jobs = get_manager().list(query)
        if options["as_json"]:
            self._print_json([job_facts(job) for job in jobs])
            return
        for line in pages.job_table(jobs) if jobs else ["no jobs"]:
            self.stdout.write(line)

    def _show(self, options: dict[str, Any]) -> None:
        manager = get_manager()
        job = manager.get(manager.resolve(options["job_ids"][0]))
        attempts = manager.executions(job.id)
        logs = manager.logs(job.id) if options["logs"] else None
        if options["as_json"]:
            facts = job_facts(job, attempts)
            if logs is not None:
                facts["stdout"], facts["stderr"] = (
                    text.decode("utf-8", "replace") for text in (logs.stdout, logs.stderr)
                )
            self._print_json(facts)
            return
        for line in pages.job_page(job, attempts):
            self.stdout.write(line)
        if logs is not None:
            for name, data in (("stdout", logs.stdout), ("stderr", logs.stderr)):
                self.stdout.write(f"--- {name}\n{data.decode('utf-8', 'replace')}".rstrip())

    def _cancel(self, options: dict[str, Any]) -> None:
        manager = get_manager()
        ids = [manager.resolve(job_id) for job_id in options["job_ids"]]
        self._print_changed([manager.cancel(job_id) for job_id in ids], options)

    def _restart(self, options: dict[str, Any]) -> None:
        manager = get_manager()
        ids = [manager.resolve(job_id) for job_id in options["job_ids"]]
        self._print_changed([manager.restart(job_id) for job_id in ids], options)

    def _move(self, options: dict[str, Any]) -> None:
        manager, host = get_manager(), options["to"]
        if host not in manager.hosts:
            known = ", ".join(sorted(manager.hosts)) or "none"
            raise NotFound("--to", f"no host is called {host!r}", f"known are: {known}")
        ids = [manager.resolve(job_id) for job_id in options["job_ids"]]
        self._print_changed([manager.move(job_id, host) for job_id in ids], options)

    def _print_changed(self, jobs: list[Job], options: dict[str, Any]) -> None:
        if options["as_json"]:
            self._print_json([job_facts(job) for job in jobs])
            return
        for job in jobs:
            self.stdout.write(f"{job.id} {what_follows(job)}")

    def _budgets(self, options: dict[str, Any]) -> None:
        balances = get_manager().budgets()
        if options["as_json"]:
            self._print_json([budget_facts(balance) for balance in balances])
            return
        nothing = ['no budgets; add "BUDGETS" to the setting CONTAINER_MANAGER']
        for line in pages.budget_table(balances) if balances else nothing:
            self.stdout.write(line)

    def _logs(self, options: dict[str, Any]) -> None:
        manager = get_manager()
        job_id = manager.resolve(options["job_ids"][0])
        wanted = Stream(options["stream"]) if options["stream"] else None
        output = output_target(self.stdout, self.stderr)

        def write(stream: Stream, data: bytes) -> None:
            if wanted in (None, stream) and data:
                output.write(Stream.STDOUT if wanted else stream, data)

        if options["follow"]:
            for chunk in manager.follow(job_id, wanted):
                write(chunk.stream, chunk.data)
            return
        logs = manager.logs(job_id)
        write(Stream.STDOUT, logs.stdout)
        write(Stream.STDERR, logs.stderr)

    def _explain(self, options: dict[str, Any]) -> None:
        manager = get_manager()
        job = manager.get(manager.resolve(options["job_ids"][0]))
        if options["as_json"]:
            self._print_json(decision_facts(job))
            return
        for line in decision_lines(job):
            self.stdout.write(line)

    def _print_json(self, facts: Any) -> None:
        self.stdout.write(json.dumps(facts, indent=2))


def _statuses(words: list[str]) -> tuple[JobStatus, ...]:
    for word in words:
        if word not in set(JobStatus):
            known = ", ".join(status.value for status in JobStatus)
            raise InvalidInput("--status", f"{word!r} is no status", f"use one of: {known}")
    return tuple(JobStatus(word) for word in words)
