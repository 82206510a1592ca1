"""Typed values from what people write in files: every error names the key, the value and what was expected."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import attrs

from container_manager_core.errors import ConfigurationError, InvalidInput

T = TypeVar("T")

_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", Path: "a path"}


def structure(data: Any, cls: type[T], place: str) -> T:
    """An attrs value of ``cls`` from a table of plain data.

    Nothing is coerced: a number in quotes is a string. Unknown keys are refused.

    Args:
        place: where the table stands, for example ``container-manager.toml: hosts.local.config``.

    Raises:
        ConfigurationError: the place, down to the key.
    """
    if not isinstance(data, Mapping):
        raise ConfigurationError(place, f"{data!r} is no table", "write one")
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(data, cls)
    except BaseValidationError as error:
        raise _explain(error, cls, place) from None
    except InvalidInput as error:
        raise ConfigurationError(f"{place}: {error.place}", error.problem, error.remedy) from None


class _Unexpected(ValueError):
    def __init__(self, value: Any, expected: str) -> None:
        super().__init__(value, expected)
        self.value = value
        self.expected = expected


@cache
def _converter() -> Any:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for cls in (int, float, str, bool, Path, Decimal):
        converter.register_structure_hook(cls, _scalar)
    converter.register_structure_hook_func(lambda cls: isinstance(cls, type) and issubclass(cls, Enum), _member)
    return converter


def _scalar(value: Any, cls: type) -> Any:
    accepted: dict[type, tuple[type, ...]] = {float: (int, float), Path: (str, Path), Decimal: (int, float, str, Decimal)}
    fits = isinstance(value, accepted.get(cls, (cls,))) and (cls is bool or not isinstance(value, bool))
    if not fits:
        raise _Unexpected(value, _WORDS.get(cls, f"a {cls.__name__}"))
    return cls(str(value)) if cls is Decimal else cls(value)


def _member(value: Any, cls: type[Enum]) -> Enum:
    try:
        return cls(value)
    except ValueError:
        raise _Unexpected(value, "one of " + ", ".join(repr(member.value) for member in cls)) from None


def _explain(error: BaseException, cls: Any, place: str) -> ConfigurationError:
    """The first leaf of a tree of validation errors, with the path to it."""
    from cattrs.errors import (
        AttributeValidationNote,
        BaseValidationError,
        ForbiddenExtraKeysError,
        IterableValidationNote,
    )

    separator = ": "
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                place, cls, separator = f"{place}{separator}{note.name}", note.type, "."
            elif isinstance(note, IterableValidationNote):
                place, cls = f"{place}[{note.index!r}]", note.type
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = ", ".join(field.name for field in attrs.fields(error.cl) if field.init)
        return ConfigurationError(f"{place}{separator}{key}", f"the key {key!r} is unknown", f"known are: {known}")
    if isinstance(error, _Unexpected):
        return ConfigurationError(place, f"{error.value!r} is not {error.expected}", f"write {error.expected}")
    if isinstance(error, KeyError):
        return ConfigurationError(f"{place}{separator}{error.args[0]}", "this key is missing", "add it")
    if isinstance(error, InvalidInput):
        return ConfigurationError(f"{place}{separator}{error.place}", error.problem, error.remedy)
    expected = _WORDS.get(get_origin(cls) or cls, getattr(cls, "__name__", str(cls)))
    return ConfigurationError(place, f"this cannot be used ({error})", f"write {expected}{_arguments(cls)}")


def _arguments(cls: Any) -> str:
    names = [getattr(argument, "__name__", str(argument)) for argument in get_args(cls)]
    return f" of {', '.join(names)}" if names else ""
