"""What was spent, summed up: by host, executor, user, label and time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import attrs

from container_manager_core.amounts import rounded
from container_manager_core.errors import InvalidInput
from container_manager_core.freezing import frozen_sequence
from container_manager_core.job import Execution, Job
from container_manager_core.validation import require_each

GROUPS = ("host", "executor", "user", "day", "month")
LABEL = "label:"
PERIOD_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m"}


def _by(given: Iterable[str]) -> tuple[str, ...]:
    return frozen_sequence(given, "by")


@attrs.frozen(kw_only=True)
class CostQuery:
    """Which attempts to sum up. An attempt belongs to the moment of its launch; days and months are UTC.

    Attributes:
        by: one sum for each combination of these: ``host``, ``executor``, ``user``, ``day``, ``month`` or
            ``label:<name>``; empty gives one sum over all.
        since, until: attempts launched from then on, and before then.
    """

    by: tuple[str, ...] = attrs.field(default=(), converter=_by)
    since: datetime | None = None
    until: datetime | None = None

    def __attrs_post_init__(self) -> None:
        require_each("by", self.by, str)
        for group in self.by:
            if group not in GROUPS and group.removeprefix(LABEL) in ("", group):
                known = ", ".join(GROUPS)
                raise InvalidInput("by", f"{group!r} is nothing to sum up by", f"use {known} or label:<name>")
        for place in ("since", "until"):
            time = getattr(self, place)
            if time is not None and (not isinstance(time, datetime) or time.tzinfo is None):
                raise InvalidInput(place, f"{time!r} is no aware time", "give a datetime with a time zone")


@attrs.frozen(kw_only=True)
class CostSum:
    """What some attempts have cost together.

    Attributes:
        keys: what they have in common, in the order of `CostQuery.by`; None for no user or label.
        jobs, attempts: how many there are.
        cost: in the currency all hosts share.
    """

    keys: tuple[str | None, ...]
    jobs: int
    attempts: int
    cost: Decimal


def sum_up(query: CostQuery, attempts: Iterable[tuple[Job, Execution]]) -> Sequence[CostSum]:
    """The sums of a query over these attempts, in the order of their keys."""
    costs: dict[tuple[str | None, ...], Decimal] = defaultdict(Decimal)
    counts: dict[tuple[str | None, ...], int] = defaultdict(int)
    jobs: dict[tuple[str | None, ...], set[UUID]] = defaultdict(set)
    for job, attempt in attempts:
        if attempt.status.is_live or not attempt.cost or not _is_within(query, attempt.created_at):
            continue
        keys = tuple(_key(group, job, attempt) for group in query.by)
        costs[keys] += rounded(attempt.cost)
        counts[keys] += 1
        jobs[keys].add(job.id)
    return [
        CostSum(keys=keys, jobs=len(jobs[keys]), attempts=counts[keys], cost=costs[keys])
        for keys in sorted(costs, key=lambda keys: [(key is not None, key or "") for key in keys])
    ]


def _is_within(query: CostQuery, launched_at: datetime) -> bool:
    return (query.since is None or query.since <= launched_at) and (query.until is None or launched_at < query.until)


def _key(group: str, job: Job, attempt: Execution) -> str | None:
    if group in PERIOD_FORMATS:
        return attempt.created_at.astimezone(UTC).strftime(PERIOD_FORMATS[group])
    known = {"host": attempt.host, "executor": attempt.executor, "user": job.created_by}
    return known[group] if group in known else job.spec.labels.get(group.removeprefix(LABEL))
