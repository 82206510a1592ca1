"""Errors beside the fields that a form really has."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BaseForm

_STANDS_FOR = {"override_command": "command"}

if TYPE_CHECKING:
    _Form = BaseForm
else:
    _Form = object


class ErrorsBesideFields(_Form):
    """A form that shows an error of a field it does not have at one that stands for it, else above the form."""

    def add_error(self, field: str | None, error: Any) -> None:
        if field is None and isinstance(error, ValidationError) and hasattr(error, "error_dict"):
            for name, errors in error.error_dict.items():
                super().add_error(self._shown(name), errors)
            return
        super().add_error(self._shown(field), error)

    def _shown(self, field: str | None) -> str | None:
        if field is None or field == NON_FIELD_ERRORS:
            return None
        return next((name for name in (field, _STANDS_FOR.get(field)) if name in self.fields), None)
