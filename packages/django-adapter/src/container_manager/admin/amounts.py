"""Durations, money and bytes as people read them."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

NOTHING = "\N{EN DASH}"
"""Stands for what is not known or does not apply."""


def duration_text(duration: timedelta | None) -> str:
    """At most two units: ``0.8 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if duration is None:
        return NOTHING
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def age_text(moment: datetime) -> str:
    """How long ago a time was, in its largest unit: ``5 min ago``; ``in 2 d`` for one to come."""
    seconds = (timezone.now() - moment).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "just now"


def money_text(amount: Decimal | None, *, estimated: bool = False) -> str:
    """An amount in the hosts' currency; an estimate is marked with ``≈``."""
    if amount is None:
        return NOTHING
    digits = 2 if amount >= 1 or amount == 0 else 6
    text = f"{amount:.{digits}f}"
    if digits > 2:
        text = text.rstrip("0").ljust(text.index(".") + 3, "0")
        if amount and not text.strip("0."):
            text = "<0.000001"
    return f"≈ {text}" if estimated else text


def bytes_text(count: float | None) -> str:
    """``512 B``, ``3.4 MiB``."""
    if count is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
