"""Sets of jobs: narrowed down, and submitted at once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from container_manager_core.job import LIVE, JobStatus

if TYPE_CHECKING:
    from container_manager.models.hosts import ExecutorHost
    from container_manager.models.jobs import ContainerJob

MOST_AT_ONCE = 1_000_000


def require_count(count: object) -> None:
    """Raise `ValidationError` for what is no number of jobs."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
        raise ValidationError({"count": f"{count!r} is out of range: use a whole number from 1 to {MOST_AT_ONCE}."})


class ContainerJobQuerySet(models.QuerySet["ContainerJob"]):
    """Jobs, narrowed down."""

    def pending(self) -> Self:
        """Those that wait for their start."""
        return self.filter(status=JobStatus.PENDING.value)

    def active(self) -> Self:
        """Those that are launching or running."""
        return self.filter(status__in=[status.value for status in LIVE])

    def failed(self) -> Self:
        """Those that failed or took too long."""
        return self.filter(status__in=[JobStatus.FAILED.value, JobStatus.TIMEOUT.value])

    def recent(self, hours: float = 24) -> Self:
        """Those made within the last hours."""
        return self.filter(created_at__gte=timezone.now() - timedelta(hours=hours))

    def by_host(self, host: "ExecutorHost | str") -> Self:
        """Those whose latest attempt is on a host, or that ask for it."""
        return self.filter(host_name=host if isinstance(host, str) else host.name)

    def submit_many(self, count: int, **fields: Any) -> list[UUID]:
        """Submit so many equal jobs in one durable write; their ids, in the order in which they run.

        Args:
            fields: as for one job; a name gets the job's number appended.

        Raises:
            ValidationError: they cannot be run, or there are none; nothing is stored.
        """
        require_count(count)
        first = self.model(**fields)
        first.full_clean(exclude=["id"])
        first.prepare()
        return first.submit_copies(count)

    def bulk_create(self, objs: Iterable["ContainerJob"], *args: Any, **options: Any) -> list["ContainerJob"]:
        """Submit many jobs at once; each is checked as `ContainerJob.save` does."""
        from container_manager.conversion.hosts import named_hosts

        jobs, hosts = list(objs), named_hosts()
        for job in jobs:
            job.prepare(hosts)
        made = super().bulk_create(jobs, *args, **options)
        made and made[0].announce(made)
        return made
