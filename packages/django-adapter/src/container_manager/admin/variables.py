"""Environment variables of a template; a secret one is written and never shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from container_manager.admin.generics import VariableForm, VariableInline
from container_manager.models import ContainerTemplate, EnvironmentVariable

_SECRET = {"rows": 1, "class": "cm-secret", "autocomplete": "off", "spellcheck": "false"}


class SecretInput(forms.Textarea):
    """Takes a value of any number of lines and never renders it."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(attrs={**_SECRET, "placeholder": placeholder})

    def format_value(self, value: Any) -> None:
        return None


class EnvironmentVariableForm(VariableForm):
    """A variable. An empty value leaves a stored secret as it is."""

    class Meta:
        model = EnvironmentVariable
        fields = ("key", "value", "is_secret")
        widgets = {"value": forms.Textarea(attrs={"rows": 1, "cols": 40})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stored = self.instance.value if self.instance.pk and self.instance.is_secret else None
        if "value" not in self.fields:  # a row that is only shown
            return
        if self._stored is not None:
            self.fields["value"].widget = SecretInput("unchanged if left empty")
        elif self.is_bound and self["is_secret"].data:
            self.fields["value"].widget = SecretInput("write it again")

    def clean_value(self) -> str:
        """The value with the line ends that it was written with."""
        value: str = self.cleaned_data["value"]
        return value.replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        value, is_secret = cleaned.get("value", ""), cleaned.get("is_secret", False)
        if self._stored is not None and not value:
            if not is_secret:
                self.add_error("value", "A stored secret is never shown: write the value anew to make it readable.")
            cleaned["value"] = self._stored
        elif is_secret and not value:
            self.add_error("value", "A secret needs a value.")
        return cleaned

    def has_changed(self) -> bool:
        return bool(self.changed_data)

    @property
    def changed_data(self) -> list[str]:
        """What differs; an empty value beside a stored secret does not."""
        changed = list(super().changed_data)
        if self._stored is not None and "value" in changed and not self["value"].data:
            changed.remove("value")
        return changed


class EnvironmentVariableInline(VariableInline):
    """Variables on their template's page."""

    model = EnvironmentVariable
    form = EnvironmentVariableForm
    extra = 0
    verbose_name = "variable"
    verbose_name_plural = "environment variables"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Rows that cannot be edited are shown with another field, in which secrets are asterisks."""
        templates = self.admin_site.get_model_admin(ContainerTemplate)
        may_write = (
            templates.has_change_permission(request, obj) and self.has_change_permission(request, obj)
            if obj is not None
            else True
        )
        return ["key", "value" if may_write else "shown_value", "is_secret"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Beside rows that are there already, only for who may change those."""
        return super().has_add_permission(request, obj) and (obj is None or self.has_change_permission(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["shown_value"]

    @admin.display(description="value")
    def shown_value(self, variable: EnvironmentVariable) -> str:
        """The value unless it is a secret."""
        return "***" if variable.is_secret else variable.value
