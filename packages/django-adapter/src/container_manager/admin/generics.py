"""Django's generic classes as types; at run time they take no parameters."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.forms import ModelForm

from container_manager.models import (
    ContainerExecution,
    ContainerJob,
    ContainerTemplate,
    EnvironmentVariable,
    EnvironmentVariableTemplate,
    ExecutorHost,
    NetworkAssignment,
)

if TYPE_CHECKING:
    ExecutionAdmin = admin.ModelAdmin[ContainerExecution]
    ExecutionInline = admin.TabularInline[ContainerExecution, ContainerJob]
    HostAdmin = admin.ModelAdmin[ExecutorHost]
    HostForm = ModelForm[ExecutorHost]
    JobAdmin = admin.ModelAdmin[ContainerJob]
    JobForm = ModelForm[ContainerJob]
    LongPaginator = Paginator[Any]
    NetworkInline = admin.TabularInline[NetworkAssignment, ContainerTemplate]
    TemplateAdmin = admin.ModelAdmin[ContainerTemplate]
    TemplateForm = ModelForm[ContainerTemplate]
    VariableForm = ModelForm[EnvironmentVariable]
    VariableInline = admin.TabularInline[EnvironmentVariable, ContainerTemplate]
    VariablesAdmin = admin.ModelAdmin[EnvironmentVariableTemplate]
else:
    ExecutionAdmin = HostAdmin = JobAdmin = TemplateAdmin = VariablesAdmin = admin.ModelAdmin
    ExecutionInline = NetworkInline = VariableInline = admin.TabularInline
    LongPaginator = Paginator
    HostForm = JobForm = TemplateForm = VariableForm = ModelForm
