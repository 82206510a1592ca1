"""Copies of values with changes, made often."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import attrs

T = TypeVar("T")


def evolve(value: T, **changes: Any) -> T:
    """As `attrs.evolve`, for classes whose every field is an argument, without looking each field up anew."""
    cls: Any = type(value)
    names, values_of = _fields(cls)
    copy: T = cls(**dict(zip(names, values_of(value), strict=True), **changes))
    return copy


@cache
def _fields(cls: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The arguments of a class with two fields or more, and what gives their values."""
    fields = attrs.fields(cls)
    return tuple(field.alias for field in fields), attrgetter(*(field.name for field in fields))
