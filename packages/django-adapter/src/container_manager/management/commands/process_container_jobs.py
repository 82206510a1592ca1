"""``manage.py process_container_jobs``: the worker."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from container_manager.manager import become_worker
from container_manager_core.errors import ContainerManagerError


class Command(BaseCommand):
    """Runs jobs until it is stopped; containers go on running, and the next worker adopts them."""

    help = "Run container jobs until it is stopped. Containers go on running then, and the next worker adopts them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--poll-interval", type=float, metavar="S", help="longest time between two looks, seconds")
        parser.add_argument("--max-jobs", type=int, metavar="N", help="most jobs at once")
        parser.add_argument("--host", action="append", metavar="NAME", help="work on this host alone; may be repeated")
        parser.add_argument("--executor", metavar="TYPE", help="work on hosts of this executor alone")
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument("--once", action="store_true", help="work off what is there, and end")
        ends.add_argument("--drain", action="store_true", help="end when nothing unfinished is left")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manager = become_worker()
            worker = manager.worker(
                max_jobs=options["max_jobs"],
                poll_interval_seconds=options["poll_interval"],
                hosts=options["host"],
            )
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: worker.stop())
            worker.run(once=options["once"], drain=options["drain"])
        except ContainerManagerError as error:
            raise CommandError(str(error)) from error
