"""Amounts of money: exact, in whole millionths of the currency that all hosts share."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from container_manager_core.errors import InvalidInput

MILLIONTH = Decimal("0.000001")
LARGEST = Decimal(1_000_000_000_000)
"""What fits a signed 64-bit number of millionths, and then some room for sums."""


def amount(place: str, value: Any) -> Decimal:
    """The amount that a number or text stands for, from 0 on, in whole millionths.

    Raises:
        InvalidInput: it is none.
    """
    try:
        found = Decimal(str(value)) if isinstance(value, int | float | str | Decimal) else None
    except (InvalidOperation, ValueError):
        found = None
    if found is None or isinstance(value, bool) or not found.is_finite() or not 0 <= found <= LARGEST:
        raise InvalidInput(place, f"{value!r} is no amount of money", f"write a number from 0 to {LARGEST}")
    return rounded(found)


def rounded(exact: Decimal) -> Decimal:
    """The nearest whole number of millionths; from the middle the even one."""
    return exact.quantize(MILLIONTH, ROUND_HALF_EVEN)


def millionths(exact: Decimal) -> int:
    """The amount as a whole number of millionths, as a store keeps it."""
    return int(rounded(exact).scaleb(6))


def from_millionths(number: int) -> Decimal:
    """The amount of so many millionths."""
    return rounded(Decimal(number).scaleb(-6))


def amount_text(exact: Decimal) -> str:
    """The amount for people and JSON: two decimals, more only where they are not zero."""
    text = f"{rounded(exact):f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"
