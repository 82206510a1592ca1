"""The words of a condition: what each fact is, and what may be done with it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import attrs

from container_manager_core.job import Job
from container_manager_core.resources import Resources
from container_manager_core.rules.facts import TemplateFacts, UserFacts


class Kind(StrEnum):
    """What a part of a condition gives."""

    TEXT = "text"
    NUMBER = "a number"
    FLAG = "true or false"
    TIME = "a time"
    WORDS = "a list of words"
    GROUPS = "groups"
    LABELS = "labels"
    NOTHING = "None"
    LISTED = "a list"
    MIXED = "one thing or another"


@attrs.frozen
class Shape:
    """The kind of a part of a condition.

    Attributes:
        kind: see `Kind`.
        optional: whether it may be None.
        element: the kind of a list's elements.
    """

    kind: Kind
    optional: bool = False
    element: Kind | None = None


_KINDS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.FLAG,
    datetime: Kind.TIME,
    tuple[str, ...]: Kind.WORDS,
    frozenset[str]: Kind.GROUPS,
}


def _shape(kind: Any) -> Shape:
    if isinstance(kind, UnionType):
        (inner,) = (member for member in get_args(kind) if member is not NoneType)
        return Shape(_KINDS[inner], optional=True)
    return Shape(_KINDS[kind])


def _fields(cls: type, *only: str) -> dict[str, Shape]:
    return {name: _shape(kind) for name, kind in get_type_hints(cls).items() if not only or name in only}


ATTRIBUTES: Mapping[str, Mapping[str, Shape]] = {
    "job": _fields(Job, "name", "priority", "attempt", "created_by", "created_at", "scheduled_at"),
    "template": _fields(TemplateFacts),
    "user": _fields(UserFacts) | {"username": Shape(Kind.TEXT)},
    "resources": _fields(Resources),
}
"""The facts that have attributes, each attribute with its shape."""

SAME = {("user", "username"): ("user", "name")}
"""Attributes that are another name of one."""

VALUES: Mapping[str, Shape] = {"labels": Shape(Kind.LABELS), "now": Shape(Kind.TIME)}
"""The facts that are a value themselves."""

PLACES: Mapping[str, tuple[str, ...]] = {
    "resources": ("job", "spec", "resources"),
    "labels": ("job", "spec", "labels"),
}
"""Facts that are found within another."""

PARTS: Mapping[Kind, frozenset[str]] = {
    Kind.TIME: frozenset({"year", "month", "day", "hour", "minute"}),
}
"""Attributes of values; all are numbers."""


@attrs.frozen
class Method:
    """What may be called: the kinds of its arguments, how many of them there must be, and what it gives."""

    arguments: tuple[Kind, ...]
    needed: int
    gives: Shape


_TEXT, _NUMBER, _FLAG = Shape(Kind.TEXT), Shape(Kind.NUMBER), Shape(Kind.FLAG)
METHODS: Mapping[Kind, Mapping[str, Method]] = {
    Kind.TEXT: {
        "startswith": Method((Kind.TEXT,), 1, _FLAG),
        "endswith": Method((Kind.TEXT,), 1, _FLAG),
        "lower": Method((), 0, _TEXT),
        "upper": Method((), 0, _TEXT),
        "strip": Method((), 0, _TEXT),
    },
    Kind.LABELS: {"get": Method((Kind.TEXT, Kind.TEXT), 1, Shape(Kind.TEXT, optional=True))},
    Kind.TIME: {"weekday": Method((), 0, _NUMBER), "isoweekday": Method((), 0, _NUMBER)},
}
