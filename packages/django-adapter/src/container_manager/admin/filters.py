"""Filters of lists that read no long table to know what can be chosen."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from container_manager.admin.executors import executor_choices
from container_manager.models import ContainerTemplate, ExecutorHost
from container_manager_core.failure import FailureKind
from container_manager_core.job import JobStatus

_GROUPS = {
    "unfinished": ("unfinished", ("pending", "launching", "running")),
    "unsuccessful": ("failed or timeout", ("failed", "timeout")),
}


class StatusFilter(SimpleListFilter):
    """One status, or a group of them."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        groups = [(name, title) for name, (title, _) in _GROUPS.items()]
        return [*groups, *((status.value, status.value) for status in JobStatus)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        statuses = _GROUPS[value][1] if value in _GROUPS else (value,)
        return queryset.filter(status__in=statuses)


class _OpenFilter(SimpleListFilter):
    """A filter that takes values which it does not offer."""

    def has_output(self) -> bool:
        return self.value() is not None or super().has_output()


class HostFilter(_OpenFilter):
    """Where the latest attempt is, or what host was asked for."""

    title = "host"
    parameter_name = "host"
    field = "host_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(name, name) for name in ExecutorHost.objects.order_by("name").values_list("name", flat=True)[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(**{self.field: self.value()})


class ExecutorFilter(SimpleListFilter):
    """The executor of the latest attempt."""

    title = "executor"
    parameter_name = "executor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(name, name) for name, _ in executor_choices()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(executor_type=self.value())


class FailureFilter(SimpleListFilter):
    """Why it ended badly."""

    title = "failure"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(kind.value, kind.value) for kind in FailureKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(failure_kind=self.value())


class TemplateFilter(_OpenFilter):
    """The jobs of one template: reached from its page, shown while it is on."""

    title = "template"
    parameter_name = "template"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        given = request.GET.get(self.parameter_name, "")
        if not given.isdecimal():
            return []
        return [(str(found.pk), found.name) for found in ContainerTemplate.objects.filter(pk=int(given[:18]))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(template_id=int(value[:18])) if value.isdecimal() else queryset.none()
