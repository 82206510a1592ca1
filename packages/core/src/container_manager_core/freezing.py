"""Converters that make what a value is given immutable."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from container_manager_core.errors import InvalidInput

K = TypeVar("K")
V = TypeVar("V")

_EMPTY: Mapping[Any, Any] = MappingProxyType({})


def frozen_mapping(given: Mapping[K, V], place: str = "") -> Mapping[K, V]:
    """A read-only copy. What is no mapping is refused."""
    if not isinstance(given, dict | Mapping):  # of an abstract class alone, the answer takes long
        raise InvalidInput(place, f"{given!r} stands where names with values are meant", "give a dict")
    copy = dict(given)
    return MappingProxyType(copy) if copy else _EMPTY


def frozen_sequence(given: Iterable[Any], place: str = "") -> tuple[Any, ...]:
    """A read-only copy. A bare string, of which each character would become an element, is refused."""
    if isinstance(given, tuple | list):
        return tuple(given)
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidInput(place, f"{given!r} stands where a list is meant", "write it as a list of one")
    return tuple(given)
