"""Values as plain data for rows and files, and back: small, exact, and open to other versions.

Fields that have their default are left out. On the way back, keys that a newer version wrote are
passed over, and missing ones take their default.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeVar

import attrs
import orjson

from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.spec import ContainerSpec

T = TypeVar("T")

_SCALARS = (int, float, str, bool)
_FACTORY: Any = attrs.Factory
_SHARED_TEXT_CHARACTERS = 4096
_OURS = f"{__package__}."
_Fields = tuple[Sequence[str], Sequence[Any], Callable[[Any], Sequence[Any]]]


def to_plain(value: Any) -> Any:
    """A value (`ContainerSpec`, `Execution`, `Route`, ...) as what JSON can hold.

    What a plugin's metadata hold beside plain data becomes text, and a number that JSON does not know None.

    Raises:
        InvalidInput: it is or holds a spec with a secret in clear, which is never stored.
    """
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return to_plain(_opened(value))


def to_json(value: Any, *, in_ascii: bool = True) -> str:
    """The same as compact JSON.

    Args:
        in_ascii: whether other characters are escaped, for whoever may not know them.

    Raises:
        InvalidInput: it is or holds a spec with a secret in clear, which is never stored.
    """
    try:
        text = orjson.dumps(value, _opened, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # a long number, half a character, a key that is no text, a clear secret
        return _ENCODE[in_ascii](to_plain(value))
    return _ENCODE[True](orjson.loads(text)) if in_ascii and not text.isascii() else text.decode()


def from_plain(data: Any, kind: type[T]) -> T:
    """A value of that kind from what `to_plain` gave.

    Raises:
        InvalidInput: the data is no such value.
    """
    try:
        return _converter().structure(data, kind)  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise _unreadable(kind, error) from error


def from_json(text: str, kind: type[T]) -> T:
    """A value of that kind from what `to_json` gave.

    Raises:
        InvalidInput: the text is no such value.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _unreadable(kind, error) from error
    return from_plain(data, kind)


def spec_from_json(text: str) -> ContainerSpec:
    """A spec from its JSON; jobs that were submitted alike share one object.

    Raises:
        InvalidInput: the text is no spec.
    """
    return _shared_spec(text) if len(text) <= _SHARED_TEXT_CHARACTERS else from_json(text, ContainerSpec)


@lru_cache(maxsize=512)
def _shared_spec(text: str) -> ContainerSpec:
    return from_json(text, ContainerSpec)


def refuse_clear_secrets(spec: ContainerSpec) -> None:
    """Make sure that a spec can be stored.

    Raises:
        InvalidInput: it holds a secret in clear.
    """
    for name, secret in spec.secrets.items():
        if secret.form is SecretForm.CLEAR:
            raise InvalidInput(
                f"spec.secrets[{name!r}]",
                "the secret is in clear, and nothing in clear is stored",
                "seal it first (Vault.seal)",
            )


def _unreadable(kind: type, error: Exception) -> InvalidInput:
    reason = str(error) if isinstance(error, InvalidInput) else type(error).__name__
    return InvalidInput(
        f"stored {kind.__name__}",
        f"the data cannot be read ({reason})",
        "was it changed by hand, or by another version?",
    )


def _opened(value: Any) -> Any:
    """What a value is to JSON that is no plain data itself; its parts may be no plain data either."""
    if type(value) is MappingProxyType:
        return dict(value)
    if isinstance(value, Secret):
        return _plain_secret(value)
    if isinstance(value, ContainerSpec):
        refuse_clear_secrets(value)
    kind: type = type(value)
    fields = _fields(kind)
    if fields is not None:
        names, defaults, items_of = fields
        return {
            name: item
            for name, default, item in zip(names, defaults, items_of(value), strict=True)
            if item is not default and item != default
        }
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _fields(kind: type) -> _Fields | None:
    """The names and defaults of a kind of our values, and what gets theirs; None for what comes from elsewhere."""
    if not (attrs.has(kind) and kind.__module__.startswith(_OURS)):
        return None
    fields = attrs.fields(kind)
    names = [field.name for field in fields]
    get = attrgetter(*names)
    return names, [_default(field) for field in fields], get if len(names) > 1 else lambda value: (get(value),)


def _default(field: "attrs.Attribute[Any]") -> Any:
    default = field.default.factory() if isinstance(field.default, _FACTORY) else field.default
    converter: Any = field.converter
    return converter(default) if converter is not None and default is not attrs.NOTHING else default


_ENCODE = {
    in_ascii: json.JSONEncoder(separators=(",", ":"), ensure_ascii=in_ascii, check_circular=False).encode
    for in_ascii in (True, False)
}


@cache
def _converter() -> Any:
    from cattrs import Converter

    converter = Converter(detailed_validation=False)
    for scalar in _SCALARS:
        converter.register_structure_hook(scalar, _scalar)
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    converter.register_structure_hook(Decimal, lambda text, _: Decimal(text))
    converter.register_structure_hook(Secret, lambda data, _: _secret_from(data))
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Any], _same)
    return converter


def _same(value: Any, _: type) -> Any:
    return value


def _scalar(value: Any, kind: type) -> Any:
    """As it is: a number stays whole or not. The hook for ``str`` also gets the enumerations of words."""
    return value if kind in _SCALARS else kind(value)


def _plain_secret(secret: Secret) -> str | dict[str, str]:
    if secret.form is SecretForm.CLEAR:
        return repr(secret)  # which does not tell it; in a spec it would have been refused
    return secret.text if secret.form is SecretForm.REFERENCE else {secret.form.value: secret.text}


def _secret_from(data: Any) -> Secret:
    if isinstance(data, str):
        return Secret(SecretForm.REFERENCE, data)
    return Secret(SecretForm.SEALED, data[SecretForm.SEALED.value])
