from decimal import Decimal
from pathlib import Path

import pytest

from container_manager_core.costs import Prices
from container_manager_core.errors import ConfigurationError

LIST = """
source = "https://platform.example/pricing"
date = 2026-01-31
currency = "EUR"
[regions.here]
per_vcpu_second = "0.00001"
per_gib_second = "0.000002"
per_job = "0.001"
minimum_seconds = 60
"""


@pytest.fixture
def price_list(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(LIST)
    return path


def test_a_run_costs_its_size_for_its_time(price_list: Path) -> None:
    rates = Prices.load(price_list).rates("here")
    assert rates is not None
    assert rates.cost(2, 1536, 100) == Decimal("0.001") + 100 * (Decimal("0.00002") + Decimal("0.000003"))
    assert rates.per_hour(2, 1536) == 3600 * (Decimal("0.00002") + Decimal("0.000003"))


def test_a_short_run_is_billed_for_the_minimum(price_list: Path) -> None:
    rates = Prices.load(price_list).rates("here")
    assert rates is not None
    assert rates.cost(1, 1024, 0.5) == rates.cost(1, 1024, 60) == Decimal("0.00172")


def test_a_region_without_prices_has_none(price_list: Path) -> None:
    assert Prices.load(price_list).rates("elsewhere") is None


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"0.00001"', '"cheap"', "regions.here.per_vcpu_second"),
        ('"0.000002"', '"-1"', "-1 is no price"),
        ("date = 2026-01-31", 'date = "soon"', "date: 'soon'"),
        ('currency = "EUR"', "", "currency: this key is missing"),
        ("[regions.here]", "[regions.here", "no valid TOML"),
    ],
)
def test_a_broken_list_is_refused_with_the_place(price_list: Path, before: str, after: str, message: str) -> None:
    price_list.write_text(LIST.replace(before, after))
    with pytest.raises(ConfigurationError, match=message) as refusal:
        Prices.load(price_list)
    assert str(price_list) in str(refusal.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Prices.load(tmp_path / "nothing.toml")
