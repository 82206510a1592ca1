"""What a job has become, beside what a store looks for in columns: as JSON, and back. Shared by stores with rows."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from container_manager_core.failure import Failure
from container_manager_core.job import Job, Route
from container_manager_core.serialising import from_plain, to_json


def _same(value: Any) -> Any:
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "finished_at": datetime.fromisoformat,
    "queued_at": datetime.fromisoformat,
    "scheduled_at": datetime.fromisoformat,
    "preferred_executor": _same,
    "created_by": _same,
    "not_before": datetime.fromisoformat,
    "waiting": _same,
    "route": lambda data: from_plain(data, Route),
    "exit_code": _same,
    "failure": lambda data: from_plain(data, Failure),
    "started_at": datetime.fromisoformat,
    "estimated_cost": Decimal,
    "actual_cost": Decimal,
}


_FACTS = tuple(name for name in _READ if name != "finished_at")
_facts_of = attrgetter(*_FACTS)


def facts_to_json(job: Job, *, ended: bool = False) -> str:
    """The facts that are known of a job, as compact JSON in ASCII.

    Args:
        ended: also its end, for a store whose columns do not hold this time exactly.
    """
    return to_json(_facts(job, ended))


def facts_of_alike(job: Job, *, ended: bool = False) -> Callable[[Job], str]:
    """What `facts_to_json` is for jobs that differ in nothing of it but the time when they were submitted.

    Args:
        job: one of them.
    """
    facts = _facts(job, ended)

    def of(alike: Job) -> str:
        facts["queued_at"] = alike.queued_at
        return to_json(facts)

    return of


def _facts(job: Job, ended: bool) -> dict[str, Any]:
    facts = {name: value for name, value in zip(_FACTS, _facts_of(job), strict=True) if value is not None}
    if ended and job.finished_at is not None:
        facts["finished_at"] = job.finished_at
    return facts


def facts_from_json(text: str) -> dict[str, Any]:
    """The same as arguments of `Job`; what a newer version wrote beside them is passed over."""
    return {name: _READ[name](value) for name, value in json.loads(text).items() if name in _READ}
