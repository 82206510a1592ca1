"""What a job has become, beside what a store looks for in columns: as JSON, and back. Shared by stores with rows."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from container_manager_core.failure import Failure
from container_manager_core.job import Job, Route
from container_manager_core.serialising import from_plain, moment_to_json, plain_to_json, to_json


def _same(value: Any) -> Any:
    return value


def _amount_text(amount: Decimal) -> str:
    return f'"{amount}"'


# As JSON: times and amounts have nothing that would have to be escaped, and every job has some.
_WRITE: Mapping[str, Callable[[Any], str]] = {
    "queued_at": moment_to_json,
    "scheduled_at": moment_to_json,
    "preferred_executor": plain_to_json,
    "created_by": plain_to_json,
    "not_before": moment_to_json,
    "waiting": plain_to_json,
    "route": to_json,
    "exit_code": plain_to_json,
    "failure": to_json,
    "started_at": moment_to_json,
    "estimated_cost": _amount_text,
    "actual_cost": _amount_text,
}

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


_WRITERS = [(f'"{name}":', write) for name, write in _WRITE.items()]
_fact_values = attrgetter(*_WRITE)


def facts_to_json(job: Job, *, created: bool = False) -> str:
    """The facts that are known of a job, as compact JSON in ASCII.

    Args:
        created: also its creation and its end, for a store whose columns do not hold these times exactly.
    """
    facts = [
        f"{name}{write(value)}"
        for (name, write), value in zip(_WRITERS, _fact_values(job), strict=True)
        if value is not None
    ]
    if created:
        facts.append(f'"created_at":{moment_to_json(job.created_at)}')
        if job.finished_at is not None:
            facts.append(f'"finished_at":{moment_to_json(job.finished_at)}')
    return f"{{{','.join(facts)}}}"


def facts_from_json(text: str) -> dict[str, Any]:
    """The same as arguments of `Job`; what a newer version wrote beside them is passed over."""
    return {name: _READ[name](value) for name, value in json.loads(text).items() if name in _READ}
