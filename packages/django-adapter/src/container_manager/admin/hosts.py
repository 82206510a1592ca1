"""Hosts in the admin. A list shows what workers have stored; a host is asked only when a person says so."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.db.transaction import non_atomic_requests
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from container_manager.admin.amounts import NOTHING, age_text
from container_manager.admin.badges import badge
from container_manager.admin.bars import bar
from container_manager.admin.errors import ErrorsBesideFields
from container_manager.admin.executors import ExecutorField, executor_choices, keep_unknown
from container_manager.admin.generics import HostAdmin, HostForm
from container_manager.manager import get_manager
from container_manager.models import ContainerJob, ExecutorHost
from container_manager.models.hosts import HEALTHY_BELOW
from container_manager_core.errors import ContainerManagerError
from container_manager_core.executor import Health

_ASKED_AT_ONCE = 8
_LIVE = "cm_live"


class ExecutorHostForm(ErrorsBesideFields, HostForm):
    """A host's address, options, weight and prices."""

    executor_type = ExecutorField(label="Executor", initial="docker")

    class Meta:
        model = ExecutorHost
        fields = "__all__"
        widgets = {
            "executor_config": forms.Textarea(attrs={"rows": 6, "cols": 80, "spellcheck": "false"}),
            "labels": forms.Textarea(attrs={"rows": 3, "cols": 80, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "executor_type" in self.fields:
            keep_unknown(self.fields["executor_type"], [self.instance.executor_type])


class ExecutorTypeFilter(admin.SimpleListFilter):
    """Hosts of one executor."""

    title = "executor"
    parameter_name = "executor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, name) for name, _ in executor_choices()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(executor_type=self.value())


@admin.register(ExecutorHost)
class ExecutorHostAdmin(HostAdmin):
    """Hosts, with how full and how well they are."""

    form = ExecutorHostForm
    list_display = ("name", "health", "capacity", "place", "weight", "prices")
    list_filter = (ExecutorTypeFilter, "is_active")
    search_fields = ("name", "connection_string")
    actions = ("test_connection",)
    readonly_fields = ("health", "health_message", "capacity", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "executor_type", "is_active")}),
        (
            "Docker engine",
            {
                "fields": ("host_type", "connection_string", ("tls_enabled", "tls_verify"), "auto_pull_images"),
                "description": "For hosts of the executor docker; others have their address among their options.",
            },
        ),
        ("Executor options", {"fields": ("executor_config",)}),
        ("Routing and capacity", {"fields": ("weight", "max_concurrent_jobs", "labels")}),
        ("Prices", {"fields": ("cost_per_hour", "cost_per_job", "average_startup_time")}),
        ("State", {"fields": ("health", "health_message", "capacity", "created_at", "updated_at")}),
    )

    class Media:
        css = {"all": ("container_manager/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExecutorHost]:
        """With the number of jobs that are there now, counted by the database."""
        return with_live_jobs(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: ExecutorHost | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is not None else fieldsets[:-1]

    @admin.display(description="health")
    def health(self, host: ExecutorHost) -> SafeString:
        """What the latest check said, and when."""
        return health_badge(host)

    @admin.display(description="jobs")
    def capacity(self, host: ExecutorHost) -> SafeString:
        """How many of its places are taken."""
        return capacity_bar(host)

    @admin.display(description="executor", ordering="executor_type")
    def place(self, host: ExecutorHost) -> SafeString:
        """By what it is reached, and where."""
        return format_html('{} <span class="cm-why">{}</span>', host.executor_type, host.connection_string)

    @admin.display(description="price")
    def prices(self, host: ExecutorHost) -> str:
        """By the hour and by the job."""
        parts = [
            f"{amount.normalize():f} {unit}"
            for amount, unit in ((host.cost_per_hour, "per hour"), (host.cost_per_job, "per job"))
            if amount
        ]
        return ", ".join(parts) or NOTHING

    def has_test_permission(self, request: HttpRequest) -> bool:
        """Asking a platform is for those who may configure it."""
        return self.has_change_permission(request)

    @admin.action(description="Test connection of selected hosts", permissions=["test"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[ExecutorHost]) -> None:
        """Ask each host now."""
        self._test(request, [host.name for host in queryset[:100]])

    @non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The action asks hosts, for which no transaction is held open."""
        return super().changelist_view(request, extra_context)

    def _test(self, request: HttpRequest, names: list[str]) -> None:
        get_manager().fleet.refresh()
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
            for name, health in zip(names, threads.map(_ask, names), strict=True):
                self._say(request, name, health)

    def _say(self, request: HttpRequest, name: str, health: Health) -> None:
        if health.ok:
            took = f"in {1000 * health.latency_seconds:.0f} ms"
            self.message_user(request, f"{name} answers {took}: {health.message or 'ready'}", messages.SUCCESS)
        else:
            said = f"{health.message}; {health.hint}" if health.hint else health.message
            self.message_user(request, f"{name} cannot be used: {said}", messages.ERROR)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:host_id>/test/",
            self.admin_site.admin_view(self.test_view),
            name="container_manager_executorhost_test",
        )
        return [own, *super().get_urls()]

    @non_atomic_requests
    def test_view(self, request: HttpRequest, host_id: int) -> HttpResponseBase:
        """Asks one host, and goes back to its page."""
        if not self.has_test_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        name = ExecutorHost.objects.filter(pk=host_id).values_list("name", flat=True).first()
        if name is None:
            raise Http404(f"There is no host {host_id}.")
        self._test(request, [name])
        address = reverse(
            "admin:container_manager_executorhost_change", args=[host_id], current_app=self.admin_site.name
        )
        return HttpResponseRedirect(address)


def with_live_jobs(hosts: QuerySet[ExecutorHost]) -> QuerySet[ExecutorHost]:
    """Hosts with the number of jobs launching or running on each."""
    live = (
        ContainerJob.objects.active()
        .filter(host_name=OuterRef("name"))
        .order_by()
        .values("host_name")
        .annotate(jobs=Count("pk"))
        .values("jobs")
    )
    return hosts.annotate(**{_LIVE: Coalesce(Subquery(live), 0)})


def health_badge(host: ExecutorHost) -> SafeString:
    """A host's state with its age, and what was wrong."""
    checked = host.last_health_check
    age = f"checked {age_text(checked)}" if checked else ""
    if not host.is_active:
        shown = badge("inactive")
    elif host.health_check_failures >= HEALTHY_BELOW:
        shown = badge("unhealthy", "does not answer")
    elif host.health_check_failures:
        shown = badge("failing", f"{host.health_check_failures} failed checks")
    elif checked is None:
        return badge("unchecked", "not checked yet")
    else:
        shown = badge("healthy", "answers")
    return format_html('{} <span class="cm-why" title="{}">{}</span>', shown, host.health_message, age)


def capacity_bar(host: ExecutorHost) -> SafeString:
    """Taken places of all."""
    live = getattr(host, _LIVE, 0)
    return bar(live, host.max_concurrent_jobs, f"{live} of {host.max_concurrent_jobs}")


def _ask(name: str) -> Health:
    try:
        return get_manager().check_host(name)
    except ContainerManagerError as error:
        return Health(ok=False, message=str(error))
    finally:
        connections.close_all()
