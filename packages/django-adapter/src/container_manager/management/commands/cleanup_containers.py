"""``manage.py cleanup_containers``."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from container_manager import conf
from container_manager.management.mistakes import as_command_errors
from container_manager.manager import get_manager
from container_manager_core.cli import exits
from container_manager_core.errors import InvalidInput
from container_manager_core.reconciler import Finding, FindingKind

_LEFT = (FindingKind.LEFTOVER,)
_NOBODYS = (FindingKind.ORPHANED, FindingKind.DOUBLE)
_HOUR = 3600.0


class Command(BaseCommand):
    """Removes what finished jobs left on their hosts. Jobs, their results and their output stay in the database."""

    help = (
        "Remove the containers that finished jobs left, and find those that belong to no job. Only containers of this "
        "project are looked at. Jobs, their results and their output stay in the database. Ends 1 when a host could "
        "not be asked or a container not be removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than-hours", type=float, default=0.0, metavar="H", help="only of jobs that ended so long ago; 0"
        )
        parser.add_argument("--orphans", action="store_true", help="remove those that belong to no job, too")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        hours, removed = options["older_than_hours"], (*_LEFT, *(_NOBODYS if options["orphans"] else ()))
        with as_command_errors():
            if hours < 0:
                raise InvalidInput("--older-than-hours", f"{hours:g} is out of range", "use 0 or more")
            findings = get_manager().reap(
                dry_run=options["dry_run"], remove=removed, leftover_age_seconds=hours * _HOUR
            )
        self._print(findings, options)
        unreachable = any(finding.kind is FindingKind.UNREACHABLE for finding in findings)
        stuck = not options["dry_run"] and any(f.kind in removed and not f.removed for f in findings)
        if unreachable or stuck:
            sys.exit(exits.PROBLEM)

    def _print(self, findings: Sequence[Finding], options: dict[str, Any]) -> None:
        for finding in findings:
            where = f"{finding.host} {finding.name}".rstrip()
            self.stdout.write(f"{finding.kind.value}: {where}: {finding.message} ({_fate(finding, options)})")
        if not conf.manager_settings().cleanup_enabled:
            self.stdout.write("CLEANUP_ENABLED is False: what finished jobs left stays.")
        elif not findings:
            self.stdout.write("Nothing is left over.")


def _fate(finding: Finding, options: dict[str, Any]) -> str:
    """What became of it, in words."""
    if finding.removed:
        return "removed"
    if finding.kind in _NOBODYS and not options["orphans"]:
        return "left; remove it with --orphans"
    return "would be removed" if options["dry_run"] and finding.kind.is_removed else "left"
