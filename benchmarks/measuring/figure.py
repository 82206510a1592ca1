"""A figure beside its limit, as a row of the table that `benchmarks` prints at its end."""

import argparse
import statistics
from collections.abc import Sequence

import attrs

TITLES = ("what", "ours", "beside", "figure", "limit", "")


@attrs.frozen(kw_only=True)
class Figure:
    """One row.

    Attributes:
        what: was measured, with the sizes.
        ours: the measurement.
        beside: what it stands beside, measured in turn with it; empty without.
        value: what the limit is about: a ratio, or the measurement itself.
        unit: of the value; empty for a ratio.
        most, least: the limit; none for a row that only informs.
    """

    what: str
    ours: str = ""
    beside: str = ""
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether it keeps the limit; None without one."""
        if self.most is not None:
            return self.value <= self.most
        return None if self.least is None else self.value >= self.least

    @property
    def limit(self) -> str:
        """The limit in words."""
        if self.most is not None:
            return f"at most {_number(self.most)} {self.unit}".rstrip()
        return "" if self.least is None else f"at least {_number(self.least)} {self.unit}".rstrip()

    def __str__(self) -> str:
        met = {True: "met", False: "**not met**", None: ""}[self.is_met]
        return row((self.what, self.ours, self.beside, f"{_number(self.value)} {self.unit}".rstrip(), self.limit, met))


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def show(figure: Figure) -> None:
    """Print it at once: the runner gathers every line of a table."""
    print(figure, flush=True)


def options(documentation: str | None) -> argparse.ArgumentParser:
    """What every benchmark understands: ``--quick`` and ``--rounds``."""
    parser = argparse.ArgumentParser(description=(documentation or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured, in turn")
    return parser


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the rounds' own ratios, so that a machine that slows down meanwhile slows both sides."""
    return statistics.median(one / other for one, other in zip(numerators, denominators, strict=True))


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
