"""References to hosts by their names: the settings may name hosts that have no row, and history outlives rows."""

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor


class _Forgiving(ForwardManyToOneDescriptor):  # type: ignore[type-arg]  # it takes none when it runs
    def __get__(self, instance: Any, cls: Any = None) -> Any:
        try:
            return super().__get__(instance, cls)
        except ObjectDoesNotExist:
            return None


class HostReference(models.ForeignKey[Any, Any]):
    """A foreign key that gives None where its host has no row; the name itself stays in ``..._id``."""

    forward_related_accessor_class = _Forgiving

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Nothing: what refers to a host looks among all that are configured when it is prepared."""

    def deconstruct(self) -> Any:
        """As a plain foreign key: that is all the database sees of it."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, options
