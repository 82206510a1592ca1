"""``doctor``."""

from typing import Annotated

import attrs
import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, config_path
from container_manager_core.cli.printing import print_json
from container_manager_core.doctor import HEALTH_TIMEOUT_SECONDS, Finding, diagnose, diagnose_plugins
from container_manager_core.errors import ConfigurationError, StoreUnavailable
from container_manager_core.plugins import Plugins
from container_manager_core.validation import require_number

_Timeout = Annotated[float, typer.Option(metavar="S", help="Longest wait for the hosts' answers, in seconds.")]


def doctor(context: typer.Context, timeout: _Timeout = HEALTH_TIMEOUT_SECONDS, as_json: AsJson = False) -> int:
    """Check the configuration, the store, each plugin and each host, and say the remedy.

    Ends with 1 when anything is wrong; a warning is nothing wrong.
    """
    require_number("--timeout", timeout, 0, 3600, "seconds")
    findings = _findings(context, timeout)
    if as_json:
        print_json([attrs.asdict(finding) for finding in findings])
    else:
        _print(findings)
    return exits.OK if all(finding.ok for finding in findings) else exits.PROBLEM


def _findings(context: typer.Context, timeout_seconds: float) -> list[Finding]:
    from container_manager_core.config import Config
    from container_manager_core.manager import ContainerManager

    plugins = Plugins.load()
    try:
        with ContainerManager(Config.load(config_path(context)), plugins=plugins) as manager:
            return diagnose(manager, timeout_seconds)
    except ConfigurationError as error:
        place, remedy = f"{error.place}: {error.problem}", error.remedy
        return [Finding(subject="configuration", ok=False, message=place, remedy=remedy), *diagnose_plugins(plugins)]
    except StoreUnavailable as error:
        return [
            Finding(subject="store", ok=False, message=f"{error.store}: {error.problem}", remedy=error.remedy),
            *diagnose_plugins(plugins),
        ]


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        sign, colour = _sign(finding)
        typer.secho(sign, fg=colour, bold=True, nl=False)
        typer.echo(f"{finding.subject}: {finding.message}")
        if finding.remedy and (finding.warning or not finding.ok):
            typer.echo(f"     remedy: {finding.remedy}")
    bad, warnings = sum(not finding.ok for finding in findings), sum(finding.warning for finding in findings)
    outcome = f"{bad} of {len(findings)} checks found something wrong" if bad else "everything works"
    typer.echo(outcome + (f", with {warnings} warning{'s' * (warnings > 1)}" if warnings else ""))


def _sign(finding: Finding) -> tuple[str, str]:
    if not finding.ok:
        return "BAD ", typer.colors.RED
    return ("WARN ", typer.colors.YELLOW) if finding.warning else ("ok  ", typer.colors.GREEN)
