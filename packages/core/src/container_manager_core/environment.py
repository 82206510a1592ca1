"""Environment variables: names and values that are allowed, text that holds them, and merging."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from container_manager_core.errors import InvalidInput
from container_manager_core.freezing import frozen_mapping

_NAME = re.compile(r"[^=\0]+")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([^=\s]+)\s*=(.*)", re.DOTALL)
_DOUBLE_QUOTED_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def validate_environment(environment: Mapping[Any, Any], place: str = "environment") -> dict[str, str]:
    """The same variables, checked.

    Names may hold anything but ``=`` and NUL and may not be empty; values anything but NUL,
    newlines included.

    Raises:
        InvalidInput: a name or value that no platform can pass on.
    """
    for name, value in frozen_mapping(environment, place).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{place}[{name!r}]",
                f"{name!r} cannot be the name of an environment variable",
                "a name is not empty and holds neither '=' nor a NUL character",
            )
        if not isinstance(value, str):
            raise InvalidInput(f"{place}[{name!r}]", f"the value {value!r} is no string", "write it as a string")
        if "\0" in value:
            raise InvalidInput(
                f"{place}[{name!r}]",
                "the value holds a NUL character, which no platform can pass on",
                "remove it, or encode the value, for example as base64",
            )
    return dict(environment)


def merge_environment(*layers: Mapping[str, str]) -> dict[str, str]:
    """All variables of the layers; a later layer wins."""
    merged: dict[str, str] = {}
    for layer in layers:
        merged.update(layer)
    return merged


def parse_assignments(assignments: Iterable[str], place: str = "--env") -> dict[str, str]:
    """Variables from ``NAME=value`` words, as a command line gives them. A later one wins.

    Raises:
        InvalidInput: a word without ``=``, or a name or value that is not allowed.
    """
    variables: dict[str, str] = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise InvalidInput(place, f"{assignment!r} has no '='", "write it as NAME=value")
        variables[name] = value
    return validate_environment(variables, place)


def parse_environment_text(text: str, place: str = "environment text") -> dict[str, str]:
    """Variables from lines of ``NAME=value``.

    Empty lines and lines that begin with ``#`` are passed over, ``export`` before a name is
    allowed. A value in single quotes is taken as it is; in double quotes ``\\n``, ``\\t``,
    ``\\"``, ``\\\\`` and ``\\$`` are escapes, and the value may go on over several lines; an
    unquoted value ends at `` #``. A later line wins.

    Raises:
        InvalidInput: a line that is none of these; the place names its number.
    """
    variables: dict[str, str] = {}
    lines = iter(enumerate(text.split("\n"), start=1))
    for number, line in lines:
        content = line.lstrip()
        if not content or content.startswith("#"):
            continue
        where = f"{place}, line {number}"
        match = _ASSIGNMENT.fullmatch(content)
        if match is None:
            raise InvalidInput(where, f"{line!r} is no NAME=value", "write one variable a line, or begin it with '#'")
        name, value = match[1], match[2].lstrip()
        while _is_open(value):
            following = next(lines, None)
            if following is None:
                raise InvalidInput(where, f"the quote that begins the value of {name!r} is not closed", "close it")
            value += "\n" + following[1]
        variables.update(validate_environment({name: _unquote(value, where)}, where))
    return variables


def _closing_quote(value: str) -> int:
    """Where the quote that begins the value ends, or -1."""
    quote, position = value[0], 1
    while position < len(value):
        if value[position] == "\\" and quote == '"':
            position += 2
            continue
        if value[position] == quote:
            return position
        position += 1
    return -1


def _is_open(value: str) -> bool:
    return value[:1] in ("'", '"') and _closing_quote(value) < 0


def _unquote(value: str, where: str) -> str:
    if value[:1] not in ("'", '"'):
        return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
    end = _closing_quote(value)
    rest = value[end + 1 :].strip()
    if rest and not rest.startswith("#"):
        raise InvalidInput(where, f"{rest!r} stands after the closing quote", "quote the whole value")
    inner = value[1:end]
    if value[0] == "'":
        return inner
    return re.sub(r"\\(.)", lambda m: _DOUBLE_QUOTED_ESCAPES.get(m[1], m[0]), inner, flags=re.DOTALL)
