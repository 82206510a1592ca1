"""Values as plain data for rows and files, and back: small, exact, and open to other versions.

Fields that have their default are left out. On the way back, keys that a newer version wrote are
passed over, and missing ones take their default.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.spec import ContainerSpec

T = TypeVar("T")

_SCALARS = (int, float, str, bool)
_FACTORY: Any = attrs.Factory
_SHARED_TEXT_CHARACTERS = 4096
_quoted = json.encoder.encode_basestring_ascii


def to_plain(value: Any) -> Any:
    """A value (`ContainerSpec`, `Execution`, `Route`, ...) as what JSON can hold.

    Raises:
        InvalidInput: it holds a secret in clear, which is never stored.
    """
    return _converter().unstructure(value)


def from_plain(data: Any, kind: type[T]) -> T:
    """A value of that kind from what `to_plain` gave.

    Raises:
        InvalidInput: the data is no such value.
    """
    try:
        return _converter().structure(data, kind)  # type: ignore[no-any-return]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise _unreadable(kind, error) from error


def to_json(value: Any) -> str:
    """The same as compact JSON in ASCII. What a plugin's metadata hold beside plain data becomes text.

    Raises:
        InvalidInput: it holds a secret in clear, which is never stored.
    """
    kind: type = type(value)
    return _writer(kind)(value)


def plain_to_json(data: Any) -> str:
    """Compact JSON of plain data."""
    if isinstance(data, str):
        return _quoted(data)
    return int.__repr__(data) if type(data) is int else _encoder().encode(data)


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


@lru_cache(maxsize=4096)
def moment_to_json(moment: datetime) -> str:
    """A time as JSON. A job's few times are written again with each of its moves."""
    return f'"{moment.isoformat()}"'


def refuse_clear_secrets(spec: ContainerSpec) -> None:
    """Make sure that a spec can be stored.

    Raises:
        InvalidInput: it holds a secret in clear.
    """
    for name, secret in spec.secrets.items():
        if secret.form is SecretForm.CLEAR:
            raise _clear_secret(f"spec.secrets[{name!r}]")


def _clear_secret(place: str) -> InvalidInput:
    return InvalidInput(place, "the secret is in clear, and nothing in clear is stored", "seal it first (Vault.seal)")


def _unreadable(kind: type, error: Exception) -> InvalidInput:
    reason = str(error) if isinstance(error, InvalidInput) else type(error).__name__
    return InvalidInput(
        f"stored {kind.__name__}",
        f"the data cannot be read ({reason})",
        "was it changed by hand, or by another version?",
    )


@cache
def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(separators=(",", ":"), default=_foreign, check_circular=False)


def _foreign(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


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
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_unstructure_hook(Secret, _plain_secret)
    converter.register_unstructure_hook_func(lambda kind: kind in (Mapping[str, Any], Mapping[str, str]), dict)
    converter.register_unstructure_hook_func(
        lambda kind: kind == frozenset[FailureKind], lambda members: sorted(member.value for member in members)
    )
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _unstructurer(cls, converter))
    return converter


def _same(value: Any, _: type) -> Any:
    return value


def _scalar(value: Any, kind: type) -> Any:
    """As it is: a number stays whole or not. The hook for ``str`` also gets the enumerations of words."""
    return value if kind in _SCALARS else kind(value)


def _unstructurer(cls: type[attrs.AttrsInstance], converter: Any) -> Callable[[Any], dict[str, Any]]:
    """What cattrs' own ``omit_if_default`` does, without making every default anew for every value."""
    attrs.resolve_types(cls)
    fields = [(field.name, _default(field), _hook(field.type, converter)) for field in attrs.fields(cls)]

    items_of = _attributes([name for name, _, _ in fields])

    def unstructure(value: Any) -> dict[str, Any]:
        plain = {}
        for (name, default, hook), item in zip(fields, items_of(value), strict=True):
            if item is not default and item != default:
                plain[name] = hook(item) if hook is not None and item is not None else item
        return plain

    return unstructure


@cache
def _writer(kind: type) -> Callable[[Any], str]:
    """What `to_json` does with values of a kind: as if they were unstructured first, which takes twice as long."""
    if kind in _WRITERS:
        return _WRITERS[kind]
    if issubclass(kind, Enum):
        return {member: plain_to_json(member.value) for member in kind}.__getitem__
    if not attrs.has(kind) or kind is Secret:
        return lambda value: plain_to_json(to_plain(value))
    attrs.resolve_types(kind)
    fields = [(f'"{field.name}":', _default(field), _field_writer(field.type)) for field in attrs.fields(kind)]
    items_of = _attributes([field.name for field in attrs.fields(kind)])

    def write(value: Any) -> str:
        written = [
            key + ("null" if item is None else write(item))
            for (key, default, write), item in zip(fields, items_of(value), strict=True)
            if item is not default and item != default
        ]
        return f"{{{','.join(written)}}}"

    return write


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    datetime: moment_to_json,
    Decimal: lambda amount: f'"{amount}"',
    **dict.fromkeys(_SCALARS, plain_to_json),
    bool: {False: "false", True: "true"}.__getitem__,
}


def _field_writer(kind: Any) -> Callable[[Any], str]:
    kind = _without_none(kind)
    if isinstance(kind, type) and not get_args(kind):
        return _writer(kind)
    hook = _converter().get_unstructure_hook(kind)
    return lambda value: plain_to_json(hook(value))


def _attributes(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _default(field: "attrs.Attribute[Any]") -> Any:
    default = field.default.factory() if isinstance(field.default, _FACTORY) else field.default
    converter: Any = field.converter
    return converter(default) if converter is not None and default is not attrs.NOTHING else default


def _hook(kind: Any, converter: Any) -> Callable[[Any], Any] | None:
    kind = _without_none(kind)
    if kind in _SCALARS:
        return None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return attrgetter("value")
    return converter.get_unstructure_hook(kind)  # type: ignore[no-any-return]


def _without_none(kind: Any) -> Any:
    if isinstance(kind, UnionType):
        (kind,) = (member for member in get_args(kind) if member is not NoneType)
    return kind


def _plain_secret(secret: Secret) -> str | dict[str, str]:
    if secret.form is SecretForm.CLEAR:
        raise _clear_secret("spec.secrets")
    return secret.text if secret.form is SecretForm.REFERENCE else {secret.form.value: secret.text}


def _secret_from(data: Any) -> Secret:
    if isinstance(data, str):
        return Secret(SecretForm.REFERENCE, data)
    return Secret(SecretForm.SEALED, data[SecretForm.SEALED.value])
