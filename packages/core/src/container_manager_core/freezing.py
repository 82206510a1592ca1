"""Converters that make what a value is given immutable."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def frozen_mapping(given: Mapping[K, V]) -> Mapping[K, V]:
    """A read-only copy."""
    return MappingProxyType(dict(given))


def frozen_sequence(given: Iterable[Any]) -> tuple[Any, ...]:
    """A read-only copy."""
    return tuple(given)
