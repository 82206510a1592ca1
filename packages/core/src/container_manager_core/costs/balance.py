"""What stands on each budget: spent, held back, and left."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from container_manager_core.costs.budget import EACH, Budget


@attrs.frozen(kw_only=True)
class BudgetBalance:
    """What stands on a budget in its present period. A budget with ``*`` has a balance for each of whom it is for.

    Attributes:
        budget: the budget.
        scope: whom it is for, see `Budget.scope`: None is for jobs without that label or user; ``*`` only where nothing
            was charged to anybody yet.
        spent: by attempts that have ended.
        reserved: held back for those that have not.
        renews_at: when the period is over and the next one begins with nothing spent; None for never.
    """

    budget: Budget
    scope: Mapping[str, str | None]
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    renews_at: datetime | None = None

    @property
    def left(self) -> Decimal:
        """What can still be spent; 0 also where a run that ended late has passed the cap."""
        return max(self.budget.cap - self.spent - self.reserved, Decimal(0))

    @property
    def whom(self) -> str:
        """Whom it is for, in words, for example ``host cloud and user ann``."""
        return " and ".join(_whom(name, value) for name, value in self.scope.items()) or "everything"


def _whom(name: str, value: str | None) -> str:
    kind, _, label = name.partition(":")
    if value == EACH:
        return f"each {kind}" + (f" {label}" if label else "")
    if value is None:
        return f"no {kind}" + (f" {label}" if label else "")
    return f"{kind} {label}={value}" if label else f"{kind} {value}"
