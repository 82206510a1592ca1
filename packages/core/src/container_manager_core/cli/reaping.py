"""``reap``."""

from typing import Annotated

import attrs
import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.printing import print_json


def reap(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Only this host. Repeatable.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Compare what the hosts still have with the store, and remove what nobody needs.

    Only what this installation started is looked at. Ends 1 when a host could not be asked.
    """
    from container_manager_core.cli import tables
    from container_manager_core.reconciler import FindingKind

    with open_manager(context) as manager:
        findings = manager.reap(dry_run=dry_run, hosts=host or None)
    if as_json:
        print_json([attrs.asdict(finding) for finding in findings])
    else:
        tables.print_findings(findings, dry_run=dry_run)
    unreachable = any(finding.kind is FindingKind.UNREACHABLE for finding in findings)
    return exits.PROBLEM if unreachable else exits.OK
