"""Attempts of jobs: to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from container_manager.admin.amounts import NOTHING, bytes_text, duration_text, money_text
from container_manager.admin.badges import badge
from container_manager.admin.filters import ExecutorFilter, FailureFilter, HostFilter, StatusFilter
from container_manager.admin.generics import ExecutionAdmin
from container_manager.admin.paging import LongTablePaginator, requested_page
from container_manager.models import ContainerExecution


class ExecutionHostFilter(HostFilter):
    """Where it ran."""

    field = "host_id"


@admin.register(ContainerExecution)
class ContainerExecutionAdmin(ExecutionAdmin):
    """Attempts, newest first. Workers write them; nobody else adds, changes or deletes one."""

    list_display = (
        "attempt_of",
        "status_badge",
        "host_name",
        "executor_type",
        "exit_code",
        "started_at",
        "took",
        "price",
    )
    list_filter = (StatusFilter, ExecutionHostFilter, ExecutorFilter, FailureFilter)
    list_per_page = 50
    list_max_show_all = 50
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("container_id__exact", "job__name")
    fields = (
        "job_link",
        "attempt",
        "status_badge",
        "failure_reason",
        "exit_code",
        "host_name",
        "executor_type",
        "container_id",
        "started_at",
        "finished_at",
        "took",
        "price",
        "peak_memory",
        "cpu_usage_percent",
    )
    readonly_fields = fields

    class Media:
        css = {"all": ("container_manager/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContainerExecution]:
        """Without the whole record of the attempt and of the job."""
        mine = [field.name for field in ContainerExecution._meta.concrete_fields if field.name != "record"]
        return super().get_queryset(request).select_related("job").only(*mine, "job__name", "job__image")

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **options: Any) -> Any:
        return LongTablePaginator(queryset, per_page, requested_page(request))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="attempt")
    def attempt_of(self, execution: ContainerExecution) -> str:
        """Which attempt of what."""
        job = execution.job
        return f"{execution.attempt} of {job.name or job.image or job.pk}"

    @admin.display(description="job")
    def job_link(self, execution: ContainerExecution) -> SafeString:
        """Its job's page."""
        address = reverse(
            "admin:container_manager_containerjob_change", args=[execution.job_id], current_app=self.admin_site.name
        )
        return format_html('<a href="{}">{}</a>', address, execution.job.name or execution.job_id)

    @admin.display(description="status")
    def status_badge(self, execution: ContainerExecution) -> SafeString:
        """How it is or was."""
        return badge(execution.status)

    @admin.display(description="host")
    def host_name(self, execution: ContainerExecution) -> str:
        """The host's name, whether or not there still is such a host."""
        return execution.host_id or NOTHING

    @admin.display(description="duration")
    def took(self, execution: ContainerExecution) -> str:
        """How long it ran."""
        return duration_text(execution.duration)

    @admin.display(description="cost")
    def price(self, execution: ContainerExecution) -> str:
        """What it cost."""
        return money_text(execution.cost)

    @admin.display(description="peak memory")
    def peak_memory(self, execution: ContainerExecution) -> str:
        """The most memory at any time."""
        return bytes_text(execution.max_memory_usage)
