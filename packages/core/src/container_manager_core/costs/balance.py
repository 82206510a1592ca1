"""What stands on each budget: spent, held back, and left."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from container_manager_core.costs.budget import EACH, Budget
from container_manager_core.job import LIVE, Job
from container_manager_core.store.protocol import JobQuery, JobStore

_PAGE = 500


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


def balances_of(budgets: Iterable[Budget], store: JobStore, now: datetime) -> Sequence[BudgetBalance]:
    """What stands on budgets at that moment, in their order."""
    given = list(budgets)
    if not given:
        return []
    found = [(budget, _accounts(budget, store, now)) for budget in given]
    reserved = _reserved(store) if any(any(accounts.values()) for _, accounts in found) else {}
    return [balance for budget, accounts in found for balance in _balances(budget, accounts, reserved, now)]


def _accounts(budget: Budget, store: JobStore, now: datetime) -> Mapping[str, Decimal]:
    beginning = budget.accounts_begin(now)
    return store.accounts(beginning) if EACH in budget.scope.values() else store.balances([beginning])


def _balances(
    budget: Budget, accounts: Mapping[str, Decimal], reserved: Mapping[str, Decimal], now: datetime
) -> Iterator[BudgetBalance]:
    renews_at = budget.period.end(now)
    shares = {name: scope for name in accounts if (scope := budget.share(name, now)) is not None}
    for name, scope in shares.items():
        held = min(reserved.get(name, Decimal(0)), accounts[name])
        yield BudgetBalance(budget=budget, scope=scope, spent=accounts[name] - held, reserved=held, renews_at=renews_at)
    if not shares:
        yield BudgetBalance(budget=budget, scope=budget.scope, renews_at=renews_at)


def _reserved(store: JobStore) -> Mapping[str, Decimal]:
    """What is held back on each account for attempts that have not ended."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for job in _live_jobs(store):
        execution = job.execution
        if execution is not None:
            for account in execution.accounts:
                held[account] += execution.reserved
    return held


def _live_jobs(store: JobStore) -> Iterator[Job]:
    query = JobQuery(statuses=tuple(sorted(LIVE)), limit=_PAGE)
    while page := store.list(query):
        yield from page
        query = attrs.evolve(query, before=(page[-1].created_at, page[-1].id))


def _whom(name: str, value: str | None) -> str:
    kind, _, label = name.partition(":")
    if value == EACH:
        return f"each {kind}" + (f" {label}" if label else "")
    if value is None:
        return f"no {kind}" + (f" {label}" if label else "")
    return f"{kind} {label}={value}" if label else f"{kind} {value}"
