"""Jobs in a file: a JSON object a line."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from container_manager_core.acceptance import Submission
from container_manager_core.attachments import Mount, Port
from container_manager_core.errors import InvalidInput
from container_manager_core.resources import Resources
from container_manager_core.retry import RetryPolicy
from container_manager_core.spec import ContainerSpec

_NESTED: Mapping[str, type] = {"resources": Resources, "retry": RetryPolicy}
_LISTED: Mapping[str, type] = {"mounts": Mount, "ports": Port}


def submissions(file: str) -> Sequence[Submission]:
    """The jobs of a file; ``-`` is stdin. Empty lines are passed over.

    Raises:
        InvalidInput: the file cannot be read, or a line is no job; the place names its number.
    """
    return [_submission(text, f"{file}, line {number}") for number, text in _lines(file)]


def _lines(file: str) -> Iterator[tuple[int, str]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput("--file", f"{file!r} cannot be read ({error.strerror})", "check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("--file", f"{file!r} is no UTF-8 text ({error.reason})", "convert it") from error
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _submission(text: str, place: str) -> Submission:
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise InvalidInput(place, f"this is no JSON ({error})", "write one object a line") from error
    if not isinstance(facts, dict):
        raise InvalidInput(place, "this is no object", 'write one such as {"image": "alpine"}')
    try:
        wishes = {name: facts.pop(name) for name in _names(Submission) if name in facts and name != "spec"}
        if isinstance(wishes.get("scheduled_at"), str):
            wishes["scheduled_at"] = _time(wishes["scheduled_at"])
        return Submission(spec=_spec(facts), **wishes)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.place}", error.problem, error.remedy) from error


def _spec(facts: dict[str, Any]) -> ContainerSpec:
    for name, cls in _NESTED.items():
        if name in facts:
            facts[name] = _value(cls, facts[name], name)
    for name, cls in _LISTED.items():
        if isinstance(facts.get(name), list):
            facts[name] = [_value(cls, each, f"{name}[{number}]") for number, each in enumerate(facts[name])]
    spec: ContainerSpec = _value(ContainerSpec, facts, "")
    return spec


def _value(cls: type, facts: Any, place: str) -> Any:
    if not isinstance(facts, dict):
        raise InvalidInput(place, f"{facts!r} is no object", f"known are: {', '.join(_names(cls))}")
    for name in facts:
        if name not in _names(cls):
            where = f"{place}.{name}" if place else name
            raise InvalidInput(where, f"the key {name!r} is unknown", f"known are: {', '.join(_names(cls))}")
    for name, field in attrs.fields_dict(cls).items():
        if field.default is attrs.NOTHING and name not in facts:
            raise InvalidInput(f"{place}.{name}" if place else name, "this key is missing", "add it")
    return cls(**facts)


def _names(cls: type) -> list[str]:
    return [field.name for field in attrs.fields(cls)]


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        remedy = "write it in ISO 8601, with its zone"
        raise InvalidInput("scheduled_at", f"{text!r} is no time", remedy) from None
