"""The core's errors as errors of form fields."""

import re
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from container_manager_core.errors import InvalidInput

_FIELDS = {
    "image": ("image", "docker_image"),
    "entrypoint": ("entrypoint",),
    "working_directory": ("working_directory",),
    "resources.memory_mib": ("memory_limit",),
    "resources.cpus": ("cpu_limit",),
    "timeout_seconds": ("timeout_seconds",),
    "environment": ("override_environment",),
    "secrets": ("override_environment",),
    "environment text": ("environment_template",),
    "executor": ("preferred_executor", "executor_type"),
    "host": ("docker_host",),
    "base_url": ("connection_string",),
}
"""Fields that show the errors of a place, the first one of them that the model has."""


def as_validation_error(error: InvalidInput, model: type[models.Model], default: str | None = None) -> ValidationError:
    """The same for a form: at the field that the place belongs to, else at the default one or at the form."""
    message = f"{error.problem}; {error.remedy}" if error.remedy else error.problem
    field = _field_of(error.place, model) or default
    return ValidationError({field: [message]}) if field else ValidationError(f"{error.place}: {message}")


def _field_of(place: str, model: type[models.Model]) -> str | None:
    last = re.split(r"[:\s]\s*", place)[-1] if ": " in place else place
    name = re.sub(r"\[.*|,? line \d+.*", "", last)
    name = re.sub(r"^(hosts\.[^ ]*|host|job)\.", "", name)
    for field in (*_FIELDS.get(name, ()), name):
        if _has_field(model, field):
            return field
    return None


def _has_field(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True
