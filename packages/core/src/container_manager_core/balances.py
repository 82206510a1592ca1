"""Reading what stands on budgets from a store."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.costs.budget import EACH, Budget
from container_manager_core.job import LIVE, Job
from container_manager_core.store.protocol import JobQuery, JobStore

_PAGE = 500


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
