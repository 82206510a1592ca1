"""The dashboard: queue, hosts, failures, spend and budgets, as they are stored; no platform is asked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from django.contrib.admin import AdminSite
from django.db import connections
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.forms import Media
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from container_manager.admin.amounts import duration_text, money_text
from container_manager.admin.badges import badge
from container_manager.admin.bars import bar
from container_manager.admin.charts import Chart, Column, chart
from container_manager.admin.hosts import capacity_bar, health_badge, with_live_jobs
from container_manager.admin.job_list import for_list
from container_manager.manager import get_manager
from container_manager.models import ContainerJob, ExecutorHost
from container_manager.models.jobs import UNFINISHED
from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.job import TERMINAL, JobStatus

_HOURS = 24
_DAYS = 14
_RECENT_FAILURES = 8
_MOST_BUDGETS = 20
_DRAWN = ("completed", "failed", "timeout", "cancelled", "unfinished")


def dashboard(request: HttpRequest, site: AdminSite, opts: Any, media: Media) -> TemplateResponse:
    """The page; for who may see jobs."""
    now = timezone.now()
    context = {
        **site.each_context(request),
        "title": "Dashboard",
        "opts": opts,
        "media": media,
        "queue": _queue(now),
        "outcomes": _outcomes(now),
        "hosts": [
            {"host": host, "health": health_badge(host), "capacity": capacity_bar(host)}
            for host in with_live_jobs(ExecutorHost.objects.order_by("name"))[:100]
        ],
        "failures": for_list(ContainerJob.objects.failed()).order_by("-created_at")[:_RECENT_FAILURES],
        "kinds": _failure_kinds(now),
        "spend": _spend(now),
        "budgets": _budgets(),
        "may_see_hosts": request.user.has_perm("container_manager.view_executorhost"),
    }
    request.current_app = site.name
    return TemplateResponse(request, "container_manager/admin/dashboard.html", context)


def _queue(now: datetime) -> Mapping[str, Any]:
    """What waits and what runs, and how long the oldest has waited."""
    is_due = Q(due_at=None) | Q(due_at__lte=round(now.timestamp() * 1_000_000))
    counted: dict[str, Any] = {
        row["status"]: row
        for row in ContainerJob.objects.filter(status__in=UNFINISHED)
        .order_by()
        .values("status")
        .annotate(jobs=Count("pk"), oldest=Min("created_at", filter=is_due))
    }
    waiting = counted.get(JobStatus.PENDING.value)
    return {
        "tiles": [
            {"badge": badge(status), "status": status, "jobs": counted.get(status, {}).get("jobs", 0)}
            for status in UNFINISHED
        ],
        "oldest": duration_text(now - waiting["oldest"]) if waiting and waiting["oldest"] else None,
    }


def _outcomes(now: datetime) -> Chart:
    """Jobs of the last day by the hour they were made in, and what became of them."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    found: dict[datetime, dict[str, int]] = {}
    rows = (
        ContainerJob.objects.filter(created_at__gte=first)
        .order_by()
        .annotate(hour=TruncHour("created_at", tzinfo=_zone()))
        .values("hour", "status")
        .annotate(jobs=Count("pk"))
    )
    for row in rows:
        kind = row["status"] if JobStatus(row["status"]) in TERMINAL else "unfinished"
        hour = found.setdefault(row["hour"], {})
        hour[kind] = hour.get(kind, 0) + row["jobs"]
    moments = [_local(first + timedelta(hours=number)) for number in range(_HOURS)]
    return chart(
        f"Jobs of the last 24 hours, by the hour they were created in{_zone_in_words()}",
        [_outcome_column(moment, found.get(moment, {})) for moment in moments],
    )


def _outcome_column(moment: datetime, jobs: Mapping[str, int]) -> Column:
    words = ", ".join(f"{jobs[kind]} {kind}" for kind in _DRAWN if jobs.get(kind)) or "none"
    parts = tuple((kind, float(jobs.get(kind, 0))) for kind in _DRAWN)
    return Column(label=f"{moment:%H:%M}", parts=parts, words=words)


def _failure_kinds(now: datetime) -> Sequence[Mapping[str, Any]]:
    """Why jobs of the last day ended badly, the commonest first."""
    return list(
        ContainerJob.objects.failed()
        .filter(created_at__gte=now - timedelta(hours=_HOURS))
        .order_by()
        .values("failure_kind")
        .annotate(jobs=Count("pk"))
        .order_by("-jobs", "failure_kind")
    )


def _spend(now: datetime) -> Mapping[str, Any]:
    """What jobs cost, by the day they were made in."""
    today = _local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=_DAYS - 1)
    rows = (
        ContainerJob.objects.filter(created_at__gte=first, actual_cost__isnull=False)
        .order_by()
        .annotate(day=TruncDay("created_at", tzinfo=_zone()))
        .values("day")
        .annotate(spent=Sum("actual_cost"))
    )
    found = {row["day"].date(): row["spent"] for row in rows}
    days = [(first + timedelta(days=number)).date() for number in range(_DAYS)]
    columns = [
        Column(
            label=f"{day:%d %b}",
            parts=(("cost", float(found.get(day, 0))),),
            words=money_text(found.get(day, Decimal(0))),
        )
        for day in days
    ]
    return {
        "chart": chart(
            f"Spend of the last {_DAYS} days, by the day the jobs were created in{_zone_in_words()}", columns
        ),
        "today": money_text(found.get(today.date(), Decimal(0))),
        "all": money_text(sum(found.values(), Decimal(0))),
    }


def _budgets() -> Sequence[Mapping[str, Any]]:
    """What stands on the budgets that are nearest to their caps, the nearest first."""
    found = sorted(get_manager().budgets(), key=lambda balance: balance.left / (balance.budget.cap or 1))
    return [
        {"whom": balance.whom, "period": balance.budget.period.value, "used": _used(balance), "balance": balance}
        for balance in found[:_MOST_BUDGETS]
    ]


def _used(balance: BudgetBalance) -> SafeString:
    words = f"{money_text(balance.spent)} of {money_text(balance.budget.cap)}"
    if balance.reserved:
        words += f", {money_text(balance.reserved)} held back"
    return bar(float(balance.spent + balance.reserved), float(balance.budget.cap), words)


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment, _zone()) if timezone.is_aware(moment) else moment


def _zone() -> tzinfo:
    """The time zone of hours and days: UTC where the database knows of no other, as a MySQL without its tables."""
    knows_zones = connections[ContainerJob.objects.db].features.has_zoneinfo_database
    return timezone.get_current_timezone() if knows_zones else UTC


def _zone_in_words() -> str:
    return " (UTC)" if _zone() is UTC else ""
