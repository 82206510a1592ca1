"""Sets of environment variables."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from container_manager.admin.generics import VariablesAdmin
from container_manager.models import EnvironmentVariableTemplate


@admin.register(EnvironmentVariableTemplate)
class EnvironmentVariableTemplateAdmin(VariablesAdmin):
    """Named sets of variables, written as text."""

    list_display = ("name", "description", "created_by", "updated_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "description")
    show_full_result_count = False
    fields = ("name", "description", "environment_variables_text")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        if db_field.name == "environment_variables_text":
            options["widget"] = forms.Textarea(attrs={"rows": 14, "cols": 80, "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: EnvironmentVariableTemplate, form: Any, change: bool) -> None:
        """Who adds it is its author."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
