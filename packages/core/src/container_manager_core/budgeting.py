"""Keeping budgets: what a run may cost is held back before it starts, and replaced by its cost when it has ended."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from container_manager_core.amounts import amount_text
from container_manager_core.costs.budget import EACH, Budget
from container_manager_core.costs.estimate import Price, expected_seconds, longest_seconds
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.job import Execution, Job
from container_manager_core.store.protocol import Charge, JobStore


@attrs.frozen(kw_only=True)
class Reservation:
    """What the next attempt of a job is expected to cost, and what is held back for it.

    Attributes:
        estimated: what it is expected to cost.
        reserved: what is held back on each account.
        charges: that hold it back, to be stored with the launch.
        paid_seconds: how long it may run for that; None for ever.
    """

    estimated: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    charges: tuple[Charge, ...] = ()
    paid_seconds: float | None = None


class Budgeting:
    """The budgets as one worker sees them. Used by one thread, but for `extend`.

    The store refuses what would break a cap, whatever is known here: this only saves attempts, and says why.

    Args:
        budgets: all that are configured.
        store: holds the accounts.
        fleet: knows the prices.
    """

    def __init__(self, budgets: Iterable[Budget], store: JobStore, fleet: Fleet) -> None:
        self._budgets = tuple(budgets)
        self._store = store
        self._fleet = fleet
        self._balances: dict[str, Decimal] = {}
        self._warned: set[str] = set()

    def look(self, jobs: Sequence[Job], now: datetime) -> None:
        """Learn what stands on every account that one of these jobs could be charged to."""
        if not self._budgets:
            return
        wanted = {
            account
            for budget in self._budgets
            for host in self._hosts_of(budget)
            for job in jobs
            if (account := budget.account(job, host, now)) is not None
        }
        self._balances = dict(self._store.balances(sorted(wanted)))

    def obstacle(self, job: Job, host: Host, now: datetime) -> str | None:
        """Why a job cannot be paid for on a host now, or None when it can. As of the last `look`."""
        if not self._budgets and job.spec.max_cost is None:
            return None
        price = self._fleet.price(host.name, job.spec)
        left = _left(job)
        if left is not None and (price.cost(0) > left or price.seconds(left) == 0):
            costs = f"it costs {amount_text(price.per_job)} a start and {amount_text(price.per_hour)} an hour"
            return f"{costs}, and of the job's max_cost {amount_text(max(left, Decimal(0)))} is left"
        needed = self._needed(job, host, price)
        for account, budget in self._accounts(job, host, now).items():
            free = budget.cap - self._balances.get(account, Decimal(0))
            if needed > free:
                return f"it may cost {amount_text(needed)}, and {budget} has {amount_text(max(free, Decimal(0)))} left"
        return None

    def reserve(self, job: Job, host: Host, now: datetime) -> Reservation:
        """What a launch of the job on the host holds back. Later decisions of this round take it into account."""
        price = self._fleet.price(host.name, job.spec)
        if not (price.per_job or price.per_hour):
            return Reservation()
        needed, left, accounts = self._needed(job, host, price), _left(job), self._accounts(job, host, now)
        estimated = price.cost(expected_seconds(host, job.spec))
        for account in accounts:
            self._balances[account] = self._balances.get(account, Decimal(0)) + needed
        limit = needed if accounts else left
        return Reservation(
            estimated=estimated if left is None else min(estimated, left),
            reserved=needed if accounts else Decimal(0),
            charges=_charges(accounts, needed),
            paid_seconds=None if limit is None else price.seconds(limit),
        )

    def extend(self, job: Job) -> Reservation | None:
        """What a running attempt holds back for going on when all that was held back is used up.

        Returns:
            None when the job's own limit is reached.
        """
        execution = job.execution
        assert execution is not None, f"job {job.id} has no attempt"
        host = self._fleet.host(execution.host)
        price, left = self._fleet.price(host.name, job.spec), _left(job)
        more = price.cost(host.expected_seconds) - price.cost(0)
        if left is not None:
            more = min(more, left - execution.reserved)
        if not execution.accounts or more <= 0:
            return None
        budgets = self._accounts(job, host, execution.created_at)
        return Reservation(
            reserved=execution.reserved + more,
            charges=_charges({account: budgets.get(account) for account in execution.accounts}, more),
            paid_seconds=price.seconds(execution.reserved + more),
        )

    def nearly_used(self, job: Job) -> Sequence[tuple[Budget, Decimal]]:
        """The budgets, with what is spent and held back of each, that this job's launch brought to their warning.

        Each account is told of once by this process.
        """
        execution = job.execution
        if execution is None or not execution.accounts:
            return []
        accounts = self._accounts(job, self._fleet.host(execution.host), execution.created_at)
        balances = {account: self._balances.get(account, Decimal(0)) for account in accounts}
        due = [
            account
            for account, budget in accounts.items()
            if account not in self._warned and balances[account] >= budget.cap * Decimal(str(budget.warn_at))
        ]
        self._warned.update(due)
        return [(accounts[account], balances[account]) for account in due]

    def _needed(self, job: Job, host: Host, price: Price) -> Decimal:
        needed, left = price.cost(longest_seconds(host, job.spec)), _left(job)
        return needed if left is None else min(needed, max(left, Decimal(0)))

    def _accounts(self, job: Job, host: Host, now: datetime) -> dict[str, Budget]:
        """What a run is charged to, with the narrowest budget of each account."""
        found: dict[str, Budget] = {}
        for budget in self._budgets:
            account = budget.account(job, host, now)
            if account is not None and (account not in found or budget.cap < found[account].cap):
                found[account] = budget
        return found

    def _hosts_of(self, budget: Budget) -> Iterable[Host]:
        hosts = self._fleet.hosts
        if budget.host == EACH:
            return hosts.values()
        if budget.host is None:
            return list(hosts.values())[:1]
        return [hosts[budget.host]] if budget.host in hosts else []


def settle(execution: Execution, cost: Decimal) -> tuple[Charge, ...]:
    """What puts the cost of an attempt that has ended in the place of what was held back for it."""
    difference = cost - execution.reserved
    return tuple(Charge(account=account, amount=difference) for account in execution.accounts) if difference else ()


def _charges(accounts: Mapping[str, Budget | None], amount: Decimal) -> tuple[Charge, ...]:
    return tuple(
        Charge(account=account, amount=amount, cap=budget.cap if budget else None)
        for account, budget in accounts.items()
    )


def _left(job: Job) -> Decimal | None:
    """What is left of the most that a job may cost; None without a limit."""
    return None if job.spec.max_cost is None else job.spec.max_cost - (job.actual_cost or Decimal(0))
