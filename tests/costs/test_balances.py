"""What stands on each budget: spent, held back, left, and until when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing.fleets import NOW, host, job
from worker.simulation import Simulation

from container_manager_core import Budget, Host, Period
from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.executors.mock import Outcome

HOUR = 3600


def lines(found: Sequence[BudgetBalance]) -> list[tuple[str, ...]]:
    return [
        (each.budget.period.value, each.whom, f"{each.spent:.2f}", f"{each.reserved:.2f}", f"{each.left:.2f}")
        for each in found
    ]


def test_spent_and_held_back_stand_apart_and_a_star_has_a_balance_for_each() -> None:
    budgets = [
        Budget(cap=10, period="total"),
        Budget(cap=5, user="*"),
        Budget(cap=3, period="day", host="cloud", label="team=*"),
        Budget(cap=4, host="elsewhere"),
        Budget(cap=2, label="team=*", user="*", host="spare"),
    ]
    cloud = Host(name="cloud", executor="mock", cost_per_hour=1)
    world = Simulation(cloud, budgets=budgets, outcome=Outcome(duration_seconds=HOUR / 2))
    worker = world.worker()
    assert lines(world.manager.budgets()) == [
        ("total", "everything", "0.00", "0.00", "10.00"),
        ("month", "each user", "0.00", "0.00", "5.00"),
        ("day", "host cloud and each label team", "0.00", "0.00", "3.00"),
        ("month", "host elsewhere", "0.00", "0.00", "4.00"),
        ("month", "host spare and each label team and each user", "0.00", "0.00", "2.00"),
    ]
    world.submit(timeout_seconds=HOUR, created_by="ann", labels={"team": 'r"e d'})
    world.run(worker, seconds=HOUR, tick=60)
    world.submit(timeout_seconds=HOUR, created_by="ann", labels={"team": 'r"e d'})
    world.submit(timeout_seconds=2 * HOUR)
    world.run(worker, seconds=5)
    assert lines(world.manager.budgets()) == [
        ("total", "everything", "0.50", "3.00", "6.50"),
        ("month", "user ann", "0.50", "1.00", "3.50"),
        ("month", "no user", "0.00", "2.00", "3.00"),
        ("day", 'host cloud and label team=r"e d', "0.50", "1.00", "1.50"),
        ("day", "host cloud and no label team", "0.00", "2.00", "1.00"),
        ("month", "host elsewhere", "0.00", "0.00", "4.00"),
        ("month", "host spare and each label team and each user", "0.00", "0.00", "2.00"),
    ]
    world.run(worker, seconds=2 * HOUR, tick=60)
    assert [line[2:] for line in lines(world.manager.budgets())][:3] == [
        ("1.50", "0.00", "8.50"),
        ("1.00", "0.00", "4.00"),
        ("0.50", "0.00", "4.50"),
    ]


def test_a_new_period_begins_with_nothing_spent() -> None:
    budgets = [Budget(cap=10, period=period, user="*") for period in Period]
    cloud = Host(name="cloud", executor="mock", cost_per_hour=1)
    world = Simulation(cloud, budgets=budgets, outcome=Outcome(duration_seconds=HOUR))
    world.submit(timeout_seconds=HOUR, created_by="ann")
    world.run(world.worker(), seconds=2 * HOUR, tick=60)
    renewed = [balance.renews_at for balance in world.manager.budgets()]
    assert renewed == [datetime(2030, 1, 2, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC), None]
    for period, days, left in ((Period.DAY, 1, "10.00"), (Period.MONTH, 31, "10.00"), (Period.TOTAL, 366, "9.00")):
        world.clock.advance(days * 86400)
        (found,) = [each for each in world.manager.budgets() if each.budget.period is period]
        assert f"{found.left:.2f}" == left


@pytest.mark.parametrize(
    ("period", "now", "end"),
    [
        (Period.DAY, datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        (Period.DAY, datetime(2030, 12, 31, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
        (Period.MONTH, datetime(2030, 1, 31, 12, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC)),
        (Period.MONTH, datetime(2030, 12, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)),
        (Period.TOTAL, NOW, None),
    ],
)
def test_a_period_ends_where_the_next_one_begins(period: Period, now: datetime, end: datetime | None) -> None:
    assert period.end(now) == end
    if end is not None:
        assert period.key(end) != period.key(now)
        assert period.key(end - timedelta(microseconds=1)) == period.key(now)


texts = st.text(st.characters(min_codepoint=32), min_size=1, max_size=6)


@given(user=st.none() | texts, team=st.none() | texts, place=texts, wanted=st.sampled_from(["*", "own"]))
def test_the_account_of_a_run_is_found_by_its_beginning_and_tells_whose_it_is(
    user: str | None, team: str | None, place: str, wanted: str
) -> None:
    """Whatever users, labels and hosts are called."""
    budget = Budget(
        cap=1,
        host=place,
        label=f"team={team if wanted == 'own' and team else '*'}",
        user=user if wanted == "own" and user else "*",
    )
    run = job(labels={} if team is None else {"team": team}, created_by=user)
    account = budget.account(run, host(place), NOW)
    assert account is not None
    assert account.startswith(budget.accounts_begin(NOW))
    assert budget.share(account, NOW) == {"host": place, "label:team": team, "user": user}
    assert budget.share(account, datetime(2031, 1, 1, tzinfo=UTC)) is None
    assert budget.share(f"{account} ", NOW) is None
    assert Budget(cap=1, user="*").share(account, NOW) is None


def test_what_was_spent_beyond_a_cap_leaves_nothing() -> None:
    balance = BudgetBalance(budget=Budget(cap=1), scope={}, spent=Budget(cap=2).cap)
    assert (balance.left, balance.whom) == (0, "everything")


def test_an_account_has_a_name_of_limited_length_whatever_the_values_are() -> None:
    """The Django adapter's column has 500 characters."""
    budget = Budget(cap=1, host="*", label=f"{'l' * 63}=*", user="*")
    names = {}
    for character in ("a", "é", "\U0001f600", '"', "\\", "\x01"):
        for end in ("1", "2"):
            value = character * 254 + end
            run = job(labels={"l" * 63: value}, created_by=value)
            account = budget.account(run, host("h" * 255), NOW)
            assert account is not None
            assert len(account) <= 500
            assert budget.share(account, NOW) is not None
            names[account] = value
    assert len(names) == 12, "two values share an account"
