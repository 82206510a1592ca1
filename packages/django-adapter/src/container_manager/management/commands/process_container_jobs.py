"""``manage.py process_container_jobs``: the worker."""

import logging
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, connections

from container_manager import conf
from container_manager.management.mistakes import as_command_errors
from container_manager.management.readiness import PAUSE_SECONDS, wait_until_ready
from container_manager.management.worker_hosts import restriction
from container_manager.manager import DjangoManager, become_worker
from container_manager_core.cli import exits
from container_manager_core.cli.journal import configure
from container_manager_core.cli.stopping import stop_on_signals
from container_manager_core.errors import InvalidInput, StoreUnavailable
from container_manager_core.log import NAME
from container_manager_core.reconciler import FindingKind
from container_manager_core.worker import Worker

_OPTIONS = {"max_concurrent_jobs": "--max-jobs", "poll_interval_seconds": "--poll-interval"}
_LEVELS = ("error", "info", "debug", "debug")
_HOUR = 3600.0
_BEGINNINGS = 5


class Command(BaseCommand):
    """Runs jobs until it is stopped; containers go on running, and the next worker adopts them."""

    help = (
        "Run container jobs. SIGTERM or Ctrl-C lets go of the jobs and ends; their containers go on, and the next "
        "worker takes them over. A second signal ends at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--poll-interval", type=float, metavar="S", help="longest time between two looks, seconds")
        parser.add_argument("--max-jobs", type=int, metavar="N", help="most jobs at once")
        parser.add_argument(
            "--host", action="append", default=[], metavar="NAME", help="only jobs of this host; may be repeated"
        )
        parser.add_argument("--executor", metavar="TYPE", help="only jobs of hosts of this executor")
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument("--once", action="store_true", help="work off what is there, and end")
        ends.add_argument("--drain", action="store_true", help="work until no job is left, and end")
        parser.add_argument(
            "--cleanup", action="store_true", help="first remove what jobs left that ended long enough ago"
        )
        parser.add_argument(
            "--cleanup-hours", type=float, default=24.0, metavar="H", help="how long ago that is for --cleanup; 24"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not logging.getLogger(NAME).hasHandlers():  # the project does not say what becomes of its events
            configure(_LEVELS[options["verbosity"]])
        with as_command_errors():
            database = conf.manager_settings().database
            try:
                worker = self._begun(database, options)
            except KeyboardInterrupt:
                sys.exit(exits.INTERRUPTED)
            try:
                with stop_on_signals(worker, "process_container_jobs"):
                    worker.run(once=options["once"], drain=options["drain"])
            finally:
                connections.close_all()

    def _begun(self, database: str, options: dict[str, Any]) -> Worker:
        """The worker, as soon as there is a database for it, which may go away again while it is made."""
        for _ in range(_BEGINNINGS - 1):
            wait_until_ready(database, lambda line: self.stderr.write(line))
            with suppress(StoreUnavailable, OperationalError):
                return self._worker(become_worker(), options)
            connections.close_all()
            time.sleep(PAUSE_SECONDS)
        return self._worker(become_worker(), options)

    def _worker(self, manager: DjangoManager, options: dict[str, Any]) -> Worker:
        hours = options["cleanup_hours"]
        if hours < 0:
            raise InvalidInput("--cleanup-hours", f"{hours:g} is out of range", "use 0 or more")
        wanted = restriction(manager.hosts, options["host"], options["executor"])
        try:
            worker = manager.worker(
                max_jobs=options["max_jobs"], poll_interval_seconds=options["poll_interval"], hosts=wanted
            )
        except InvalidInput as error:
            raise type(error)(_OPTIONS.get(error.place, error.place), error.problem, error.remedy) from error
        if options["cleanup"]:
            manager.reap(
                hosts=wanted,
                remove=[FindingKind.LEFTOVER],
                leftover_age_seconds=hours * _HOUR,
            )
        return worker
