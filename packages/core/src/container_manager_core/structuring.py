"""Typed values from what people write in files: every error names the key, the value and what was expected."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType
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
        value: T = _converter().structure(data, cls)
        return value
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
    converter.register_structure_hook_factory(_is_table, _table_hook)
    converter.register_structure_hook_func(_is_opaque, _instance)
    # Of an enumeration or nothing, older versions of cattrs would ask the enumeration itself.
    converter.register_structure_hook_func(
        _is_optional_member, lambda value, cls: None if value is None else _member(value, get_args(cls)[0])
    )
    return converter


def _is_optional_member(cls: Any) -> bool:
    first, *rest = get_args(cls) or (None,)
    return rest == [NoneType] and isinstance(first, type) and issubclass(first, Enum)


def _is_table(cls: Any) -> bool:
    return attrs.has(cls) or get_origin(cls) in (dict, Mapping)


def _is_opaque(cls: Any) -> bool:
    """A class of which only Python code can give an instance."""
    plain = (int, float, str, bool, Path, Decimal, dict, tuple, list, frozenset, set, type(None))
    if cls is Any or not isinstance(cls, type):
        return False
    return not attrs.has(cls) and not issubclass(cls, (*plain, Enum, Mapping))


def _instance(value: Any, cls: type) -> Any:
    if not isinstance(value, cls):
        raise _Unexpected(value, f"a {cls.__name__}, which only Python code can give")
    return value


def _table_hook(cls: Any, converter: Any) -> Any:
    from cattrs.cols import mapping_structure_factory
    from cattrs.gen import make_dict_structure_fn

    if attrs.has(cls):
        inner = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)
    else:
        inner = mapping_structure_factory(cls, converter)

    def hook(value: Any, wanted: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _Unexpected(value, "a table")
        return inner(value, wanted)

    return hook


def _scalar(value: Any, cls: Any) -> Any:
    if issubclass(cls, Enum):
        # An enumeration of words is found by the hook for strings first.
        return _member(value, cls)
    accepted: dict[type, tuple[type, ...]] = {
        float: (int, float),
        Path: (str, Path),
        Decimal: (int, float, str, Decimal),
    }
    fits = isinstance(value, accepted.get(cls, (cls,))) and (cls is bool or not isinstance(value, bool))
    if not fits:
        raise _Unexpected(value, _WORDS.get(cls, f"a {cls.__name__}"))
    try:
        return cls(str(value)) if cls is Decimal else cls(value)
    except InvalidOperation:
        raise _Unexpected(value, "an amount of money") from None


def _member(value: Any, cls: type[Enum]) -> Enum:
    try:
        return cls(value)
    except ValueError:
        raise _Unexpected(value, "one of " + ", ".join(repr(member.value) for member in cls)) from None


def _explain(error: BaseException, cls: Any, place: str) -> ConfigurationError:
    """The first leaf of a tree of validation errors, with the path to it."""
    from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

    path: list[str] = []
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for step, cls in _steps(error):  # noqa: B007  the innermost type is wanted below
            path.append(step)
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = ", ".join(field.name for field in attrs.fields(error.cl) if field.init)
        return _error(place, [*path, f".{key}"], f"the key {key!r} is unknown", f"known are: {known}")
    if isinstance(error, KeyError):
        return _error(place, path, "this key is missing", "add it")
    if isinstance(error, InvalidInput):
        return _error(place, [*path, f".{error.place}"], error.problem, error.remedy)
    if isinstance(error, _Unexpected):
        return _error(place, path, f"{error.value!r} is not {error.expected}", f"write {error.expected}")
    return _error(place, path, f"this cannot be used ({error})", f"write {_WORDS.get(cls, str(cls))}")


def _steps(error: BaseException) -> Iterator[tuple[str, Any]]:
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            yield f".{note.name}", note.type
        elif isinstance(note, IterableValidationNote):
            yield f".{note.index}" if isinstance(note.index, str) else f"[{note.index}]", note.type


def _error(place: str, path: Sequence[str], problem: str, remedy: str) -> ConfigurationError:
    where = "".join(path).removeprefix(".")
    return ConfigurationError(f"{place}: {where}" if where else place, problem, remedy)
