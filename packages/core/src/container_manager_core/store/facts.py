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
    "created_at": datetime.fromisoformat,
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


_TIMES = ("created_at", "finished_at")
"""Those that a store may have in columns."""
_FACTS = tuple(name for name in _READ if name not in _TIMES)
_facts_of = attrgetter(*_FACTS)


def facts_to_json(job: Job, *, created: bool = False) -> str:
    """The facts that are known of a job, as compact JSON in ASCII.

    Args:
        created: also its creation and its end, for a store whose columns do not hold these times exactly.
    """
    facts = {name: value for name, value in zip(_FACTS, _facts_of(job), strict=True) if value is not None}
    if created:
        facts["created_at"] = job.created_at
        if job.finished_at is not None:
            facts["finished_at"] = job.finished_at
    return to_json(facts)


def facts_from_json(text: str) -> dict[str, Any]:
    """The same as arguments of `Job`; what a newer version wrote beside them is passed over."""
    return {name: _READ[name](value) for name, value in json.loads(text).items() if name in _READ}
