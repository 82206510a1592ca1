"""``costs`` and ``budgets``."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.printing import print_json
from container_manager_core.errors import InvalidInput

if TYPE_CHECKING:
    from container_manager_core.costs.sums import CostQuery


def costs(
    context: typer.Context,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="host, executor, user, day, month or label:NAME; host when left out. Repeatable.",
            show_default=False,
        ),
    ] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only runs launched in this month.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only runs launched from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Only runs launched before then.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what jobs have cost. Dates are UTC; a run belongs to the moment of its launch."""
    from container_manager_core.amounts import amount_text

    query = _query(by or ["host"], month, since, until)
    with open_manager(context) as manager:
        found = manager.costs(query)
    if as_json:
        print_json(
            [
                {
                    **dict(zip(query.by, each.keys, strict=True)),
                    "jobs": each.jobs,
                    "attempts": each.attempts,
                    "cost": amount_text(each.cost),
                }
                for each in found
            ]
        )
        return
    from container_manager_core.cli import tables

    tables.print_costs(query.by, found)


def budgets(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what stands on each budget: what is spent and held back in its present period, and what is left.

    Budgets are in the configuration. Periods are UTC.
    """
    from container_manager_core.cli import tables
    from container_manager_core.facts import budget_facts

    with open_manager(context) as manager:
        found = manager.budgets()
    if as_json:
        print_json([budget_facts(balance) for balance in found])
    else:
        tables.print_budgets(found)


def _query(by: list[str], month: str | None, since: str | None, until: str | None) -> "CostQuery":
    from container_manager_core.costs.sums import CostQuery

    if month is not None and (since or until):
        raise InvalidInput("--month", "it excludes --since and --until", "give one of the two")
    start, end = _month(month) if month is not None else (_time("--since", since), _time("--until", until))
    try:
        return CostQuery(by=by, since=start, until=end)
    except InvalidInput as error:
        raise InvalidInput("--by", error.problem, error.remedy) from error


def _time(place: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(place, f"{text!r} is no date", "write YYYY-MM-DD, or a time in ISO 8601") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _month(text: str) -> tuple[datetime, datetime]:
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    except ValueError:
        raise InvalidInput("--month", f"{text!r} is no month", "write YYYY-MM") from None
