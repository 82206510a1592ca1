"""Checks that values make of themselves; each error names the place, the value and the range."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeVar

from container_manager_core.errors import InvalidInput

E = TypeVar("E", bound=Enum)


def require_given(place: str, value: object) -> None:
    """Anything but None; else `InvalidInput`. For what has a default other than None."""
    if value is None:
        raise InvalidInput(place, "None stands where a value is needed", "leave it out to have the default")


def require_instance(place: str, value: object, cls: type) -> None:
    """An instance of the class; else `InvalidInput`."""
    if not isinstance(value, cls):
        raise InvalidInput(place, f"{value!r} is no {cls.__name__}", f"give a {cls.__name__}")


def require_each(place: str, values: Sequence[object], cls: type) -> None:
    """Instances of the class alone; else `InvalidInput`."""
    for number, value in enumerate(values):
        require_instance(f"{place}[{number}]", value, cls)


def require_member(place: str, value: Any, members: type[E]) -> E:
    """The member of an enumeration that a word or the member itself stands for; else `InvalidInput`."""
    for member in members:
        if value is member or (isinstance(value, str) and value == member.value):
            return member
    known = ", ".join(repr(member.value) for member in members)
    raise InvalidInput(place, f"{value!r} is not known here", f"use one of {known}")


def require_text(place: str, value: object) -> None:
    """A string that is not empty, without NUL; else `InvalidInput`."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidInput(place, f"{value!r} is no usable text", "write a string that is not empty, without NUL")


def require_boolean(place: str, value: object) -> None:
    """True or False; else `InvalidInput`. A word such as "false" would count as true."""
    if not isinstance(value, bool):
        raise InvalidInput(place, f"{value!r} is neither True nor False", "write True or False")


def require_integer(place: str, value: object, least: int, most: int, unit: str) -> None:
    """None, or a whole number in a range; else `InvalidInput`."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(
            place, f"{value!r} is out of range", f"use a whole number from {least} to {most} {unit}".rstrip()
        )


def require_number(place: str, value: object, least: float, most: float, unit: str) -> None:
    """None, or a number in a range; else `InvalidInput`. NaN is none."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidInput(
            place, f"{value!r} is out of range", f"use a number from {least:g} to {most:g} {unit}".rstrip()
        )
