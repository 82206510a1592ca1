"""Converters that make what a value is given immutable."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from container_manager_core.errors import InvalidInput

K = TypeVar("K")
V = TypeVar("V")


def frozen_mapping(given: Mapping[K, V]) -> Mapping[K, V]:
    """A read-only copy."""
    if not isinstance(given, Mapping):
        raise InvalidInput("", f"{given!r} stands where names with values are meant", "give a dict")
    return MappingProxyType(dict(given))


def frozen_sequence(given: Iterable[Any]) -> tuple[Any, ...]:
    """A read-only copy. A bare string, of which each character would become an element, is refused, as is what is no list."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidInput("", f"{given!r} stands where a list is meant", "write it as a list of one")
    return tuple(given)
