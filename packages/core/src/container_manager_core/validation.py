"""Checks that values make of themselves; each error names the place, the value and the range."""

from container_manager_core.errors import InvalidInput


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
