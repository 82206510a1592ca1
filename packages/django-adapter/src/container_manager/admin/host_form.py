"""Asks for a host."""

from collections.abc import Iterator
from typing import Any

from django import forms

from container_manager.manager import get_manager


class HostForm(forms.Form):
    """Which of the configured hosts: those in the database, and those in the settings."""

    host = forms.ChoiceField(label="To the host")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["host"] = forms.ChoiceField(label="To the host", choices=[("", "choose one"), *_hosts()])


def _hosts() -> Iterator[tuple[str, str]]:
    for name, host in sorted(get_manager().hosts.items()):
        yield name, f"{name} ({host.executor}{'' if host.active else ', not active'})"
