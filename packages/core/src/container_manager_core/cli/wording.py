"""What commands tell in words, for every command line that tells it: without typer and rich."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from container_manager_core.amounts import amount_text

if TYPE_CHECKING:
    from container_manager_core.costs.balance import BudgetBalance
    from container_manager_core.job import Job

BUDGET_TITLES = ("PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "BEGINS ANEW", "FOR")


def budget_words(balance: "BudgetBalance") -> Sequence[str]:
    """What stands on a budget, under the `BUDGET_TITLES`."""
    amounts = (balance.budget.cap, balance.spent, balance.reserved, balance.left)
    renews_at = time_words(balance.renews_at).removesuffix(" 00:00:00Z") or "never"
    return [
        balance.budget.period.value,
        *(amount_text(Decimal(amount)) for amount in amounts),
        renews_at,
        balance.whom,
    ]


def time_words(time: datetime | None) -> str:
    """A time to the second, in UTC; empty for none."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if time else ""


def what_follows(job: "Job") -> str:
    """The status of a job that somebody has just changed, and what its worker still has to do."""
    if job.cancel_requested_at is not None and not job.status.is_terminal:
        return f"{job.status.value}, to be stopped by its worker"
    if job.is_elsewhere:
        return f"{job.status.value}, to be moved to {job.requested_host} by its worker"
    return job.status.value
