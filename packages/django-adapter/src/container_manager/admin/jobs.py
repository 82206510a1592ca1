"""Jobs in the admin."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache

from container_manager.admin import job_list, job_page, passes
from container_manager.admin.actions import ACTIONS, JobAction, Outcome
from container_manager.admin.dashboard import dashboard
from container_manager.admin.filters import ExecutorFilter, FailureFilter, HostFilter, StatusFilter, TemplateFilter
from container_manager.admin.generics import JobAdmin
from container_manager.admin.host_form import HostForm
from container_manager.admin.job_form import ContainerJobForm
from container_manager.admin.output import whole_stream
from container_manager.admin.paging import LongTablePaginator, requested_page
from container_manager.models import ContainerJob
from container_manager.models.jobs import OWN_FIELDS, UNFINISHED
from container_manager_core.executor import Stream

_LISTED = 20


@admin.register(ContainerJob)
class ContainerJobAdmin(JobAdmin):
    """Jobs: a live list, a live page each, and what can be done to them."""

    form = ContainerJobForm
    list_display = ("title", "status_now", "host_now", "created", "spent")
    list_filter = (
        StatusFilter,
        HostFilter,
        ExecutorFilter,
        FailureFilter,
        ("created_at", admin.DateFieldListFilter),
        TemplateFilter,
    )
    list_per_page = 50
    list_max_show_all = 50
    sortable_by = ("status_now", "host_now", "created")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("name", "image", "template__name")
    search_help_text = "Name, image, template, or the beginning of an id"
    actions = ("start_jobs", "cancel_jobs", "restart_jobs", "move_jobs")
    save_on_top = False
    fieldsets = (
        ("What to run", {"fields": ("name", "template", "image", "command")}),
        ("Where and when", {"fields": ("docker_host", "preferred_executor", "priority", "scheduled_at")}),
        (
            "Limits",
            {
                "fields": ("memory_limit", "cpu_limit", "timeout_seconds"),
                "description": "Empty: the template's.",
            },
        ),
        ("Environment", {"fields": ("environment_template", "override_environment")}),
    )

    class Media:
        css = {"all": ("container_manager/admin.css",)}
        js = ("container_manager/htmx.min.js", "container_manager/live.js")

    # The list

    @admin.display(description="job")
    def title(self, job: ContainerJob) -> str:
        """Its name, or what it is made from."""
        return str(job)

    @admin.display(description="status", ordering="status")
    def status_now(self, job: ContainerJob) -> SafeString:
        """Kept up to date by the fragment, as the next ones are."""
        return job_list.live_cell(job, "status")

    @admin.display(description="host", ordering="host_name")
    def host_now(self, job: ContainerJob) -> SafeString:
        """Where it is."""
        return job_list.live_cell(job, "host")

    @admin.display(description="created", ordering="created_at")
    def created(self, job: ContainerJob) -> SafeString:
        """How long ago; the exact time where one points at it."""
        return job_list.moment_cell(job.created_at)

    @admin.display(description="duration, cost")
    def spent(self, job: ContainerJob) -> SafeString:
        """How long, and for how much."""
        return job_list.live_cell(job, "spent")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[job_list.JobChangeList]:
        return job_list.JobChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **options: Any) -> Any:
        return LongTablePaginator(queryset, per_page, requested_page(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ContainerJob], search_term: str
    ) -> tuple[QuerySet[ContainerJob], bool]:
        """An id or its beginning finds that job alone; other words are looked for in names."""
        prefix = search_term.strip().lower().replace("-", "")
        if 6 <= len(prefix) <= 32 and set(prefix) <= set("0123456789abcdef"):
            found = queryset.filter(pk__gte=UUID(hex=prefix.ljust(32, "0")), pk__lte=UUID(hex=prefix.ljust(32, "f")))
            if found.exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        address = reverse("admin:container_manager_containerjob_live", current_app=self.admin_site.name)
        context = {"live_address": address, "live_pass": passes.issue(request, address)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    # The page

    def get_fieldsets(self, request: HttpRequest, obj: ContainerJob | None = None) -> Any:
        """The second command is shown where somebody has set it."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not obj.override_command:
            return fieldsets
        name, options = fieldsets[0]
        return ((name, {**options, "fields": (*options["fields"], "override_command")}), *fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: ContainerJob | None = None) -> tuple[str, ...]:
        """What is to run is fixed once it was started."""
        return OWN_FIELDS if obj is not None and not obj.is_editable else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {name: value for name, value in super().get_changeform_initial_data(request).items() if name != "id"}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        job = None if object_id is None else self.get_object(request, unquote(object_id))
        if job is None or not self.has_view_or_change_permission(request, job):
            return super().changeform_view(request, object_id, form_url, extra_context)
        if request.method == "POST" and not job.is_editable and self.has_change_permission(request, job):
            self.message_user(request, "It was started: what it runs can no longer be changed.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        if request.method == "GET":
            job_page.keep_watch(job)
            extra_context = {**(extra_context or {}), **self._page_context(request, job)}
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _page_context(self, request: HttpRequest, job: ContainerJob) -> dict[str, Any]:
        return {
            **job_page.page(job, self._may(request), self._address("page_live", job)),
            "subtitle": None,
            "title": str(job),
            "show_save": job.is_editable,
            "show_save_and_continue": job.is_editable,
            "show_save_and_add_another": False,
        }

    def save_model(self, request: HttpRequest, obj: ContainerJob, form: Any, change: bool) -> None:
        """Who adds it is its author."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    # Deleting

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The jobs, without reading their output; one that has not ended is kept."""
        jobs = list(objs)
        kept = [f"{job}: {job.status}; cancel it first" for job in jobs if job.status in UNFINISHED]
        gone = [str(job) for job in jobs if job.status not in UNFINISHED]
        may = self.has_delete_permission(request)
        return gone, {self.opts.verbose_name_plural: len(jobs)}, set() if may else {self.opts.verbose_name}, kept

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ContainerJob]) -> None:
        """Only what has ended, whatever has happened since the question."""
        queryset.exclude(status__in=UNFINISHED).delete()

    # Actions

    def has_start_permission(self, request: HttpRequest) -> bool:
        """Whether the person may start jobs."""
        return self._may(request)["start"]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the person may stop and cancel jobs."""
        return self._may(request)["cancel"]

    def has_restart_permission(self, request: HttpRequest) -> bool:
        """Whether the person may restart jobs."""
        return self._may(request)["restart"]

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Whether the person may move jobs to another host."""
        return self._may(request)["move"]

    @staticmethod
    def _may(request: HttpRequest) -> Mapping[str, bool]:
        return {name: request.user.has_perm(action.permission) for name, action in ACTIONS.items()}

    @admin.action(description="Start selected jobs now", permissions=["start"])
    def start_jobs(self, request: HttpRequest, queryset: QuerySet[ContainerJob]) -> HttpResponseBase | None:
        """Ask, then start."""
        return self._asked(request, queryset, ACTIONS["start"])

    @admin.action(description="Stop or cancel selected jobs", permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[ContainerJob]) -> HttpResponseBase | None:
        """Ask, then cancel."""
        return self._asked(request, queryset, ACTIONS["cancel"])

    @admin.action(description="Restart selected jobs", permissions=["restart"])
    def restart_jobs(self, request: HttpRequest, queryset: QuerySet[ContainerJob]) -> HttpResponseBase | None:
        """Ask, then restart."""
        return self._asked(request, queryset, ACTIONS["restart"])

    @admin.action(description="Move selected jobs to a host", permissions=["move"])
    def move_jobs(self, request: HttpRequest, queryset: QuerySet[ContainerJob]) -> HttpResponseBase | None:
        """Ask where to, then move."""
        return self._asked(request, queryset, ACTIONS["move"])

    def _asked(self, request: HttpRequest, jobs: QuerySet[ContainerJob], action: JobAction) -> HttpResponseBase | None:
        found = list(jobs[: action.most + 1])
        if len(found) > action.most:
            self.message_user(
                request, f"At most {action.most} jobs at once: choose fewer. Nothing was changed.", messages.ERROR
            )
            return None
        hidden = {"action": f"{action.name}_jobs", "post": "yes"}
        return self._question(request, found, action, hidden, is_meant=request.POST.get("post") == "yes")

    def _question(
        self,
        request: HttpRequest,
        jobs: Sequence[ContainerJob],
        action: JobAction,
        hidden: Mapping[str, str],
        is_meant: bool,
    ) -> TemplateResponse | None:
        """The page that asks; None where all was answered, and the action done."""
        form = HostForm(request.POST if is_meant else None) if action.needs_host else None
        if is_meant and (form is None or form.is_valid()):
            self._do(request, jobs, action, form.cleaned_data["host"] if form else "")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.verb}: are you sure?",
            "opts": self.opts,
            "media": self.media,
            "action": action,
            "form": form,
            "hidden": hidden.items(),
            "selected": jobs if "action" in hidden else (),
            "shown": [(job, job_list.status_cell(job)) for job in jobs[:_LISTED]],
            "count": len(jobs),
            "others": max(0, len(jobs) - _LISTED),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "container_manager/admin/confirm.html", context)

    def _do(self, request: HttpRequest, jobs: Sequence[ContainerJob], action: JobAction, host: str) -> None:
        outcome = action.carry_out([job.pk for job in jobs], host)
        done, by_id = f"{action.done} {host}".strip(), {job.pk: job for job in jobs}
        for job_id in outcome.done:
            self.log_change(request, by_id[job_id], f"{done}.")
        if outcome.done:
            self.message_user(request, f"{done}: {_counted(len(outcome.done))}.", messages.SUCCESS)
        self._report_others(request, outcome, by_id)

    def _report_others(self, request: HttpRequest, outcome: Outcome, jobs: Mapping[Any, ContainerJob]) -> None:
        for reasons, word, level in (
            (outcome.waiting, "still waits", messages.WARNING),
            (outcome.refused, "not changed", messages.ERROR),
        ):
            for job_id, reason in list(reasons.items())[:5]:
                self.message_user(request, f"{jobs[job_id]} {word}: {reason}", level)
            if len(reasons) > 5:
                self.message_user(request, f"{_counted(len(reasons) - 5)} more {word}.", level)

    # Addresses

    def get_urls(self) -> list[URLPattern]:
        name = "container_manager_containerjob"
        own = [
            path("dashboard/", self._checked(self.dashboard_view), name="container_manager_dashboard"),
            path("live/", self._passed(self.list_fragment), name=f"{name}_live"),
            path("<uuid:job_id>/live/", self._checked(self.page_fragment), name=f"{name}_page_live"),
            path(
                "<uuid:job_id>/output/<int:attempt>/<str:stream>/",
                self._checked(self.output_view),
                name=f"{name}_output",
            ),
            *(
                path(
                    f"<uuid:job_id>/{action.name}/",
                    self.admin_site.admin_view(partial(self.action_view, action=action)),
                    name=f"{name}_{action.name}",
                )
                for action in ACTIONS.values()
            ),
        ]
        return [*own, *super().get_urls()]

    def _checked(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        """For who may see jobs; a page that polls is told to load itself anew when its session has ended."""

        def checked(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if "HX-Request" in request.headers and not self.admin_site.has_permission(request):
                return HttpResponse(status=403, headers={"HX-Refresh": "true"})
            return guarded(request, *args, **options)

        def permitted(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if not self.has_view_or_change_permission(request):
                raise PermissionDenied
            return view(request, *args, **options)

        guarded = self.admin_site.admin_view(permitted)
        return checked

    def _passed(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        """For who has a pass, and else for who may see jobs."""
        at_once, checked = never_cache(view), self._checked(view)

        def passed(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            # Asked once: a pass that ends meanwhile must not be renewed for who was not looked up.
            if passes.holds(request):
                return at_once(request, *args, **options, admission=request.GET[passes.PARAMETER])
            return checked(request, *args, **options)

        return passed

    def _address(self, name: str, job: ContainerJob) -> str:
        return reverse(f"admin:container_manager_containerjob_{name}", args=[job.pk], current_app=self.admin_site.name)

    def _found(self, job_id: Any) -> ContainerJob:
        try:
            return ContainerJob.objects.select_related("template").get(pk=job_id)
        except ContainerJob.DoesNotExist:
            raise Http404(f"There is no job {job_id}.") from None

    def dashboard_view(self, request: HttpRequest) -> HttpResponseBase:
        """Queue, hosts, failures and spend."""
        return dashboard(request, self.admin_site, self.opts, self.media)

    def list_fragment(self, request: HttpRequest, admission: str = "") -> HttpResponseBase:
        """The cells of the list that may have changed."""
        return job_list.fragment(request, admission)

    def page_fragment(self, request: HttpRequest, job_id: Any) -> HttpResponseBase:
        """The job's panel, and its new output."""
        job = self._found(job_id)
        job_page.keep_watch(job)
        return HttpResponse(job_page.live(request, job, self._may(request)))

    def output_view(self, request: HttpRequest, job_id: Any, attempt: int, stream: str) -> HttpResponseBase:
        """A whole stream of an attempt, to be saved as text."""
        job = self._found(job_id)
        if stream not in list(Stream):
            raise Http404(f"There is no stream {stream}.")
        name = f"{job.pk}-{attempt}-{stream}.txt"
        return StreamingHttpResponse(
            whole_stream(job, attempt, Stream(stream)),
            content_type="text/plain; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
        )

    def action_view(self, request: HttpRequest, job_id: Any, *, action: JobAction) -> HttpResponseBase:
        """Asks about one job, and does it."""
        if not (self.has_view_or_change_permission(request) and self._may(request)[action.name]):
            raise PermissionDenied
        job = self._found(job_id)
        question = self._question(request, [job], action, {}, is_meant=request.method == "POST")
        if question is not None:
            return question
        address = reverse(
            "admin:container_manager_containerjob_change", args=[job.pk], current_app=self.admin_site.name
        )
        return HttpResponseRedirect(address)


def _counted(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"
