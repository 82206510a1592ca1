"""``explain``, ``route`` and ``plan``."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli import exits
from container_manager_core.cli.context import AsJson, JobId, open_manager
from container_manager_core.cli.printing import print_json
from container_manager_core.cli.specification import JobOptions, takes_job_options
from container_manager_core.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from container_manager_core.job import Job
    from container_manager_core.manager import ContainerManager
    from container_manager_core.rules import Rule

PAGE = 500


def explain(context: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Say why a job went where it did, or why it waits: what each rule gave, and why each host was passed over."""
    from container_manager_core.facts import decision_facts
    from container_manager_core.routing.report import decision_lines

    with open_manager(context) as manager:
        job = manager.get(manager.resolve(job_id))
    if as_json:
        print_json(decision_facts(job))
    else:
        print("\n".join(decision_lines(job)))


def route(
    context: typer.Context,
    replay: Annotated[float, typer.Option("--replay", metavar="DAYS", help="Decide the jobs of the last days anew.")],
    rules: Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="The [[rules]] of this file instead of the configured ones."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what rules would have made of past jobs: which would have gone elsewhere, and the difference in cost.

    Changes nothing. Hosts count as answering and empty; costs are by the hosts' present prices.
    """
    from container_manager_core.cli.explaining import print_replay, replay_facts
    from container_manager_core.routing.replay import replay as decide_anew

    if not 0 < replay <= 36_500:
        raise InvalidInput("--replay", f"{replay:g} is out of range", "use a number of days from 0 to 36500")
    with open_manager(context) as manager:
        chosen = manager.config.rules if rules is None else _rules_of(rules)
        result = decide_anew(_past_jobs(manager, replay), manager.fleet, chosen)
    if as_json:
        print_json({"days": replay, **replay_facts(result)})
    else:
        print_replay(result, replay)


@takes_job_options
def plan(context: typer.Context, options: JobOptions, as_json: AsJson = False) -> int:
    """Show on each host whether a job could run there, at which size and price, and what is missing.

    Starts nothing. Takes the options of `run`. Ends with 1 when no host can run it.
    """
    from container_manager_core.cli.explaining import plan_facts, print_plans
    from container_manager_core.routing.planning import plan_everywhere

    spec = options.spec()
    with open_manager(context) as manager:
        plans = plan_everywhere(manager.fleet, spec)
    wanted = [each for each in plans if options.host in (None, each.host) and options.executor in (None, each.executor)]
    if as_json:
        print_json([plan_facts(each) for each in wanted])
    else:
        print_plans(wanted)
    return exits.OK if any(each.plan.can_run for each in wanted) else exits.PROBLEM


def _rules_of(path: Path) -> "tuple[Rule, ...]":
    from container_manager_core.config import Config

    rules = Config.load(path).rules
    if not rules:
        raise ConfigurationError(str(path), "the file has no rules", "write [[rules]] tables in it")
    return rules


def _past_jobs(manager: "ContainerManager", days: float) -> "Iterator[Job]":
    """The jobs submitted in the last days, newest first, a page at a time."""
    from container_manager_core.store.protocol import JobQuery

    since = manager.clock.now() - timedelta(days=days)
    page = manager.list(JobQuery(limit=PAGE))
    while page:
        for job in page:
            if job.created_at < since:
                return
            yield job
        page = manager.list(JobQuery(limit=PAGE, before=(page[-1].created_at, page[-1].id)))
