"""Rules from the tables of a file or of settings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from container_manager_core.errors import ConfigurationError, InvalidInput
from container_manager_core.rules.rule import Rule
from container_manager_core.structuring import structure


@attrs.frozen(kw_only=True)
class _Table:
    """The keys of a rule that are plain data."""

    condition: str
    executor: str | None = None
    host: str | None = None
    labels: dict[str, str] = attrs.field(factory=dict)
    reason: str = ""
    required: bool = False
    priority: int = 0


def rules_from(tables: Iterable[Mapping[str, Any] | Rule], place: str) -> tuple[Rule, ...]:
    """The rules that tables say, in order; a `Rule` among them stays as it is.

    Args:
        place: where they stand, for example ``container-manager.toml: rules``.

    Raises:
        ConfigurationError: names the place, the rule's number and, in a condition, the column.
    """
    return tuple(
        table if isinstance(table, Rule) else _rule(table, f"{place}: rule {number}")
        for number, table in enumerate(tables, start=1)
    )


def _rule(table: Mapping[str, Any], place: str) -> Rule:
    if not isinstance(table, Mapping):
        raise ConfigurationError(place, f"{table!r} is no table", "write one with condition, executor and reason")
    given: Any = table.get("condition")
    condition: str | Callable[..., object] | None = given if callable(given) else None
    plain = structure({**table, "condition": ""} if condition else table, _Table, place)
    facts = {field.name: getattr(plain, field.name) for field in attrs.fields(_Table)}
    try:
        return Rule(**{**facts, "condition": condition or plain.condition})
    except InvalidInput as error:
        where = error.place.removeprefix("rule").lstrip()
        raise ConfigurationError(
            f"{place} {where}".rstrip() if where[:1] == "(" else f"{place}{where}", error.problem, error.remedy
        ) from None
