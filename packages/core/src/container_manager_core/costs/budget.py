"""Budgets: how much may be spent, on what, in which time."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import attrs

from container_manager_core.amounts import amount, amount_text
from container_manager_core.errors import InvalidInput
from container_manager_core.host import Host
from container_manager_core.job import Job
from container_manager_core.validation import require_given, require_member, require_number, require_text

EACH = "*"
_LABEL = "label:"
_LONGEST = 100
"""Characters of a value in an account's name, as JSON."""

_BEGINNING = 32
_JSON_TEXT = r'null|"(?:[^"\\]|\\.)*"'


class Period(StrEnum):
    """The time for which a budget is meant. Days and months are UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"

    def key(self, now: datetime) -> str:
        """The name of the period that a moment belongs to."""
        formats = {Period.DAY: "%Y-%m-%d", Period.MONTH: "%Y-%m"}
        return now.astimezone(UTC).strftime(formats[self]) if self in formats else self.value

    def end(self, now: datetime) -> datetime | None:
        """When the period that a moment belongs to is over, in UTC; None for never."""
        if self is Period.TOTAL:
            return None
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self is Period.DAY:
            return midnight + timedelta(days=1)
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)


def _cap(value: Any) -> Decimal:
    return amount("cap", value)


def _period(word: Any) -> Period:
    return require_member("period", word, Period)


@attrs.frozen(kw_only=True)
class Budget:
    """A cap on what jobs cost together. Without a host, label or user it is for all jobs.

    An attempt belongs to the period in which it was launched.

    Attributes:
        cap: most that may be spent, in the currency all hosts share.
        period: ``day``, ``month`` or ``total``.
        host: only runs on this host; ``*`` gives every host a budget of its own.
        label: only jobs with this ``name=value``; ``name=*`` gives every value a budget of its own.
        user: only jobs of this user; ``*`` gives every user a budget of their own.
        warn_at: share of the cap, 0 to 1, from which on the hook ``container_manager_budget_warning`` is called.
    """

    cap: Decimal = attrs.field(converter=_cap)
    period: Period = attrs.field(default=Period.MONTH, converter=_period)
    host: str | None = None
    label: str | None = None
    user: str | None = None
    warn_at: float = 0.8

    def __attrs_post_init__(self) -> None:
        for place in ("host", "label", "user"):
            if getattr(self, place) is not None:
                require_text(place, getattr(self, place))
        if self.label is not None and not all(self.label.partition("=")):
            raise InvalidInput("label", f"{self.label!r} names no label", "write name=value, or name=*")
        require_given("warn_at", self.warn_at)
        require_number("warn_at", self.warn_at, 0, 1, "")

    def __str__(self) -> str:
        scope = [f"{kind} {value}" for kind in ("host", "label", "user") if (value := getattr(self, kind)) is not None]
        time = "in total" if self.period is Period.TOTAL else f"a {self.period.value}"
        return f"the budget of {amount_text(self.cap)} {time} for {' and '.join(scope) or 'everything'}"

    @property
    def scope(self) -> Mapping[str, str]:
        """Whom it is for: values, or ``*``, of ``host``, ``label:NAME`` and ``user``, as far as it names them."""
        label, _, value = (self.label or "").partition("=")
        given = {"host": self.host, f"{_LABEL}{label}": value or None, "user": self.user}
        return {name: wanted for name, wanted in given.items() if wanted is not None}

    def account(self, job: Job, host: Host, now: datetime) -> str | None:
        """The account that a run of the job on the host is charged to; None when the budget does not concern it."""
        known = {"host": host.name, "user": job.created_by}
        words = [self.period.key(now)]
        for name, wanted in self.scope.items():
            found = known[name] if name in known else job.spec.labels.get(name.removeprefix(_LABEL))
            if wanted not in (EACH, found):
                return None
            words.append(_word(name, found))
        return " ".join(words)

    def accounts_begin(self, now: datetime) -> str:
        """What the names of its accounts have in common; the whole name where no ``*`` gives it several."""
        words = [self.period.key(now)]
        for name, wanted in self.scope.items():
            if wanted == EACH:
                return f"{' '.join(words)} {name}="
            words.append(_word(name, wanted))
        return " ".join(words)

    def share(self, account: str, now: datetime) -> Mapping[str, str | None] | None:
        """Whose an account of the present period is: `scope` with the values in place of each ``*``.

        Returns:
            None for an account of another budget or another period. A value is None for jobs without that label or
            user; a very long one is shortened.
        """
        values = [
            f"({_JSON_TEXT if wanted == EACH else re.escape(_written(wanted))})" for wanted in self.scope.values()
        ]
        words = [f" {re.escape(name)}={value}" for name, value in zip(self.scope, values, strict=True)]
        found = re.fullmatch(re.escape(self.period.key(now)) + "".join(words), account)
        if found is None:
            return None
        return dict(zip(self.scope, map(json.loads, found.groups()), strict=True))


def _word(name: str, value: str | None) -> str:
    return f"{name}={_written(value)}"


def _written(value: str | None) -> str:
    """As JSON; a long value by its beginning and a digest, as a store keys accounts by their names."""
    text = json.dumps(value)
    if value is None or len(text) <= _LONGEST:
        return text
    from hashlib import sha256

    beginning = "".join(each for each in value if each.isprintable() and each not in '"\\')[:_BEGINNING]
    return json.dumps(f"{beginning}…{sha256(value.encode()).hexdigest()[:_BEGINNING]}", ensure_ascii=False)
