"""What the database says of queue, workers and hosts. No platform is asked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
from django.db import connections
from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, JSONField, Min, Q, Sum, When
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Greatest
from django.utils import timezone

from container_manager.conversion.hosts import configured_hosts
from container_manager.conversion.times import aware
from container_manager.models import ContainerExecution, ContainerJob, ExecutorHost, WorkerLease
from container_manager.models.hosts import HEALTHY_BELOW
from container_manager.store.rows import microseconds
from container_manager.store.sql import now_sql
from container_manager_core.job import LIVE, TERMINAL, JobStatus

BUCKETS_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 21600)
"""Upper bounds of the run times that executions are counted by."""


@attrs.frozen(kw_only=True)
class Queue:
    """Jobs that wait.

    Attributes:
        ready: those that could start now.
        scheduled: those whose time has not come.
        oldest_seconds: how long the oldest of the ready ones has been waiting; None without any.
    """

    ready: int
    scheduled: int
    oldest_seconds: float | None


@attrs.frozen(kw_only=True)
class HostReading:
    """A host as its latest checks left it.

    Attributes:
        name: of the host.
        executor: its type.
        is_active: whether it takes new jobs.
        is_healthy: whether fewer than three checks in a row have failed; None for one that was never checked.
        message: what the latest check said.
        checked_at: when that was.
        live: how many jobs are launching or running there.
        capacity: how many may.
    """

    name: str
    executor: str
    is_active: bool
    is_healthy: bool | None
    message: str
    checked_at: datetime | None
    live: Mapping[str, int]
    capacity: int


@attrs.frozen(kw_only=True)
class Outcome:
    """Executions that ended alike in a recent time.

    Attributes:
        host: where.
        executor: its type.
        status: how.
        failure: the kind of failure; empty without one.
        count: how many.
        cost: what they cost together.
        seconds: how long they ran, together; those that never ran are left out.
        within: how many ran at most so many seconds, by bound, and ``inf`` for all that ran.
    """

    host: str
    executor: str
    status: str
    failure: str
    count: int
    cost: Decimal
    seconds: float
    within: Mapping[float, int]


def read_queue(database: str) -> Queue:
    """The jobs that wait: a look at the pending ones alone, however many have ended."""
    now = timezone.now()
    pending = ContainerJob.objects.using(database).filter(status=JobStatus.PENDING.value)
    is_due = Q(due_at=None) | Q(due_at__lte=microseconds(aware(now)))
    since = Greatest("created_at", Coalesce("scheduled_at", "created_at"))
    found = pending.aggregate(
        ready=Count("pk", filter=is_due),
        scheduled=Count("pk", filter=~is_due),
        oldest=Min(since, filter=is_due & Q(attempt=0)),
    )
    # One that was started before has waited since it was queued again, which only its facts tell.
    again = KeyTextTransform("queued_at", Cast("facts", JSONField()))
    oldest_again = pending.filter(is_due, attempt__gt=0).aggregate(oldest=Min(again))["oldest"]
    times = [aware(found["oldest"])] if found["oldest"] else []
    times += [datetime.fromisoformat(oldest_again)] if oldest_again else []
    oldest = max(0.0, (aware(now) - min(times)).total_seconds()) if times else None
    return Queue(ready=found["ready"], scheduled=found["scheduled"], oldest_seconds=oldest)


def count_workers(database: str) -> int:
    """How many workers have a lease, by the database's own clock."""
    now = RawSQL(now_sql(connections[database].vendor, None), [])
    return WorkerLease.objects.using(database).filter(expires_at__gt=now).count()


def read_hosts(database: str) -> Sequence[HostReading]:
    """Every configured host, by name. Raises `InvalidInput` for settings that are wrong."""
    rows = {row.name: row for row in ExecutorHost.objects.using(database).all()}
    live = _live_by_host(database)
    return [
        HostReading(
            name=host.name,
            executor=host.executor,
            is_active=host.active,
            is_healthy=_is_healthy(rows.get(host.name)),
            message=rows[host.name].health_message if host.name in rows else "",
            checked_at=rows[host.name].last_health_check if host.name in rows else None,
            live=live.get(host.name, {}),
            capacity=host.max_concurrent_jobs,
        )
        for _, host in sorted(configured_hosts().items())
    ]


def read_outcomes(database: str, window: timedelta) -> Sequence[Outcome]:
    """What ended within the window, summed up by the database."""
    ended = ContainerExecution.objects.using(database).filter(
        status__in=[status.value for status in TERMINAL], finished_at__gte=timezone.now() - window
    )
    names = {bound: f"within_{bound}" for bound in BUCKETS_SECONDS}
    ran = Case(
        When(started_at__isnull=False, then=ExpressionWrapper(F("finished_at") - F("started_at"), DurationField()))
    )
    counts = {name: Count("pk", filter=Q(ran__lte=timedelta(seconds=bound))) for bound, name in names.items()}
    alike = ended.annotate(ran=ran).order_by().values("host_id", "executor_type", "status", "failure_kind")
    grouped: Iterable[Mapping[str, Any]] = alike.annotate(
        count=Count("pk"), spent=Sum("cost"), seconds=Sum("ran"), all_ran=Count("started_at"), **counts
    )
    return [
        Outcome(
            host=row["host_id"] or "",
            executor=row["executor_type"],
            status=row["status"],
            failure=row["failure_kind"],
            count=row["count"],
            cost=row["spent"] or Decimal(0),
            seconds=row["seconds"].total_seconds() if row["seconds"] else 0.0,
            within={**{float(bound): row[name] for bound, name in names.items()}, float("inf"): row["all_ran"]},
        )
        for row in grouped
    ]


def _live_by_host(database: str) -> Mapping[str, Mapping[str, int]]:
    live = ContainerJob.objects.using(database).filter(status__in=[status.value for status in LIVE])
    found: dict[str, dict[str, int]] = {}
    for host, status, jobs in live.order_by().values_list("host_name", "status").annotate(jobs=Count("pk")):
        found.setdefault(host or "", {})[status] = jobs
    return found


def _is_healthy(row: ExecutorHost | None) -> bool | None:
    if row is None or row.last_health_check is None:
        return None
    return row.health_check_failures < HEALTHY_BELOW
