"""New jobs that are alike but for what each has of its own. Shared by stores with rows."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

import attrs

from container_manager_core.job import Job
from container_manager_core.store.facts import facts_of_alike

OWN = ("id", "name", "created_at", "queued_at", "spec")
_beside_own = attrgetter(*(field.name for field in attrs.fields(Job) if field.name not in OWN))


def alike(jobs: Iterable[Job], *, ended: bool = False) -> Iterator[tuple[Job, str, bool]]:
    """The jobs, each with its facts as JSON, and whether it is as the one before but for `OWN`.

    Args:
        ended: as for `facts_to_json`.
    """
    before: object = None
    facts_of: Callable[[Job], str]
    for job in jobs:
        beside_own = _beside_own(job)
        is_alike = beside_own == before
        if not is_alike:
            before, facts_of = beside_own, facts_of_alike(job, ended=ended)
        yield job, facts_of(job), is_alike
