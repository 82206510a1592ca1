"""``reap``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.printing import print_json

if TYPE_CHECKING:
    from container_manager_core.reconciler import Finding


def reap(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Only this host. Repeatable.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Compare what the hosts still have with the store, and remove what nobody needs.

    Only what this installation started is looked at. Ends 1 when a host could not be asked, or something not removed.
    """
    from container_manager_core.reconciler import FindingKind

    with open_manager(context) as manager:
        findings = manager.reap(dry_run=dry_run, hosts=host or None)
    if as_json:
        print_json([attrs.asdict(finding) for finding in findings])
    else:
        _print(findings, dry_run)
    unreachable = any(finding.kind is FindingKind.UNREACHABLE for finding in findings)
    stuck = not dry_run and any(finding.kind.is_removed and not finding.removed for finding in findings)
    return exits.PROBLEM if unreachable or stuck else exits.OK


def _print(findings: "Sequence[Finding]", dry_run: bool) -> None:
    """A line each, whole: why is what people want to know."""
    for finding in findings:
        done = "would be removed" if dry_run and finding.kind.is_removed else "removed" if finding.removed else "left"
        where = f"{finding.host} {finding.name}".rstrip()
        typer.echo(f"{finding.kind.value}: {where}: {finding.message} ({done})")
    if not findings:
        typer.echo("hosts and store agree: nothing is left over")
