"""Executors to choose from: those that are installed now."""

from collections.abc import Sequence
from typing import Any

from django import forms

from container_manager.manager import get_plugins


def executor_choices() -> Sequence[tuple[str, str]]:
    """Name and title of every installed executor; those that routing would choose by itself come first."""
    found = sorted(get_plugins().executor_types.values(), key=lambda kind: (not kind.automatic, kind.name))
    return [(kind.name, f"{kind.name}: {kind.title}") for kind in found]


class ExecutorField(forms.ChoiceField):
    """One installed executor."""

    def __init__(self, *, empty: str = "", **options: Any) -> None:
        self.first = [("", empty)] if empty else []
        super().__init__(choices=lambda: [*self.first, *executor_choices()], **options)


class ExecutorsField(forms.MultipleChoiceField):
    """Any of the installed executors, stored as a list of names."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=executor_choices, **options)


def keep_unknown(field: forms.Field, names: Sequence[str]) -> None:
    """Let a stored executor that is no longer installed be shown and kept."""
    if isinstance(field, forms.ChoiceField):
        known = list(executor_choices())
        missing = [name for name in names if name and name not in dict(known)]
        if missing:
            first = field.first if isinstance(field, ExecutorField) else []
            field.choices = [*first, *known, *((name, f"{name}: not installed") for name in missing)]
