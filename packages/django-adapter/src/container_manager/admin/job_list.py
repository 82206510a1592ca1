"""The list of jobs: its cells, and the fragment that keeps those that change up to date."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import attrs
from django.conf import settings
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from container_manager.admin import passes
from container_manager.admin.amounts import NOTHING, age_text, duration_text, money_text
from container_manager.admin.badges import badge
from container_manager.admin.versions import (
    FIELDS,
    LIVE_FIELDS,
    read_versions,
    stored_versions,
    version_of,
    write_versions,
)
from container_manager.models import ContainerJob

SHOWN = (
    "id",
    "name",
    "image",
    "template",
    "template__name",
    "preferred_executor",
    "created_at",
    "estimated_cost",
    *FIELDS,
)
"""All that the list reads of a job: neither what is to run nor its output."""

_NO_ID = str(UUID(int=0))


def for_list(jobs: QuerySet[ContainerJob]) -> QuerySet[ContainerJob]:
    """Jobs with what the list shows of them and no more."""
    return jobs.select_related("template").only(*SHOWN)


class JobChangeList(ChangeList):
    """The list, with the address of its live fragment."""

    def get_queryset(self, *args: object, **options: object) -> QuerySet[ContainerJob]:
        found: QuerySet[ContainerJob] = super().get_queryset(*args, **options)  # type: ignore[arg-type]
        return for_list(found)

    def get_results(self, request: HttpRequest) -> None:
        """A list that nothing narrows down needs no link to all."""
        super().get_results(request)
        if not self.filter_params and not self.query:
            self.full_result_count = self.result_count

    def url_for_result(self, result: Any) -> str:
        """A job's page: the addresses of a list differ in their ids alone."""
        return self._page_of_none.replace(_NO_ID, str(result.pk))

    @cached_property
    def _page_of_none(self) -> str:
        site = self.model_admin.admin_site.name
        return reverse("admin:container_manager_containerjob_change", args=(_NO_ID,), current_app=site)

    @property
    def live_jobs(self) -> str:
        """The jobs on this page that may still change, as it shows them."""
        return write_versions(_versions(self.result_list))

    @property
    def newest(self) -> datetime | None:
        """When the first job was made, where later ones would come before it."""
        is_plain = not self.filter_params and not self.query and self.page_num == 1
        first = next(iter(self.result_list), None) if is_plain else None
        return first.created_at if first else None


def status_cell(job: ContainerJob) -> SafeString:
    """The status, and in few words why it is so."""
    why = job.failure_kind if job.is_terminal_status else job.waiting
    if job.cancel_requested is not None and not job.is_terminal_status:
        why = "being stopped"
    if why in ("", job.status):
        return badge(job.status)
    return format_html('{} <span class="cm-why" title="{}">{}</span>', badge(job.status), why, why)


def host_cell(job: ContainerJob) -> SafeString:
    """Where it is or was, or where it is to go; and by which executor."""
    return _host_cell(job.host_name or NOTHING, job.executor_type or job.preferred_executor)


@lru_cache(maxsize=1024)
def _host_cell(host: str, executor: str) -> SafeString:
    return format_html('{} <span class="cm-why">{}</span>', host, executor)


def moment_cell(moment: datetime) -> SafeString:
    """A time as its age, with the exact time behind it."""
    zone = timezone.get_current_timezone_name() if timezone.is_aware(moment) else None
    return mark_safe(f"{_time_tag(moment, zone, get_language())}{age_text(moment)}</time>")


@lru_cache(maxsize=4096)
def _time_tag(moment: datetime, zone: str | None, language: str | None) -> SafeString:
    """What does not change of it: who looks again, or looks at the same jobs as others, gets it as it is.

    Args:
        zone, language: the current ones, which decide how a time is written.
    """
    exact = formats.date_format(timezone.localtime(moment) if zone else moment, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">', moment.isoformat(), exact)


def spent_cell(job: ContainerJob) -> SafeString:
    """From its first start to its end, or until now; and what it cost, or is expected to cost."""
    cost = "" if job.cost is None else escape(money_text(job.cost, estimated=job.actual_cost is None))
    return mark_safe(f'{duration_cell(job)} <span class="cm-why">{cost}</span>')


def duration_cell(job: ContainerJob) -> SafeString:
    """How long it ran; of one that runs, the page itself counts on."""
    text = duration_text(job.runtime_duration)
    if job.started_at is None or job.is_terminal_status:
        return escape(text)
    return format_html('<span data-since="{}">{}</span>', round(job.started_at.timestamp()), text)


CELLS: Mapping[str, Callable[[ContainerJob], str]] = {
    "status": status_cell,
    "host": host_cell,
    "spent": spent_cell,
}


def live_cell(job: ContainerJob, column: str, *, swapped: bool = False) -> SafeString:
    """A cell that the fragment can replace."""
    swap = ' hx-swap-oob="true"' if swapped else ""
    return mark_safe(f'<span id="cm-{column}-{job.pk.hex}"{swap}>{conditional_escape(CELLS[column](job))}</span>')


def fragment(request: HttpRequest, admission: str) -> HttpResponse:
    """The cells of those jobs that have changed, and what asks again while one of them can change.

    Nothing at all (204) where nothing has changed: the page then asks again by itself. A pass that is over is replaced.

    Args:
        admission: the pass that the request was let in by; empty for who was looked up.
    """
    shown = read_versions(request.GET.get("jobs", ""))
    newest = _moment(request.GET.get("newest", ""))
    stored, there_are_newer = stored_versions(list(shown), newest)
    is_to_renew = passes.PARAMETER in request.GET and not admission
    if stored == shown and not there_are_newer and not is_to_renew:
        return HttpResponse(status=204)
    kept = [(job_id, version) for job_id, version in stored.items() if version == shown[job_id]]
    changed = list(for_list(ContainerJob.objects.filter(pk__in=stored.keys() - dict(kept))).order_by())
    cells = mark_safe("".join(live_cell(job, column, swapped=True) for job in changed for column in CELLS))
    asks = Poller(
        address=request.path,
        admission=admission or passes.issue(request, request.path),
        jobs=write_versions([*kept, *_versions(changed)]),
        newest=newest,
        there_are_newer=there_are_newer or "told" in request.GET,
    )
    return HttpResponse(asks.html() + cells)


@attrs.frozen(kw_only=True)
class Poller:
    """What asks for the fragment; silent when nothing on the page can change.

    That there are newer jobs is told once, and stays.

    Attributes:
        address: the fragment's.
        admission: a pass, or empty.
        jobs: those that can still change, with their versions.
        newest: when the first job was made, where later ones would come before it.
        there_are_newer: whether there are such.
    """

    address: str
    admission: str
    jobs: str
    newest: datetime | None
    there_are_newer: bool = False

    def html(self) -> SafeString:
        """As it stands in the page."""
        told = self.there_are_newer
        notice = format_html('<a class="cm-newer" href="">{}</a>', "There are newer jobs: show them") if told else ""
        if not self.jobs and (self.newest is None or told):
            return format_html('<div id="cm-live">{}</div>', notice)
        asked = {"jobs": self.jobs, **({"told": 1} if told else {"newest": self._newest_text()})}
        if self.admission:
            asked[passes.PARAMETER] = self.admission
        return format_html(
            '<div id="cm-live" hx-get="{}?{}" hx-trigger="every 2s" hx-swap="outerHTML">{}</div>',
            self.address,
            urlencode(asked),
            notice,
        )

    def _newest_text(self) -> str:
        return self.newest.isoformat() if self.newest else ""


def _versions(jobs: Iterable[ContainerJob]) -> Iterator[tuple[UUID, str]]:
    """Those of the jobs that can still change, as they were read."""
    return ((job.pk, version_of(job, LIVE_FIELDS)) for job in jobs if not job.is_terminal_status)


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and timezone.is_aware(moment) == settings.USE_TZ else None
