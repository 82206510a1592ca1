"""Secret values: references to them, keeping them sealed at rest, and masking them in output."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import attrs

from container_manager_core.errors import ConfigurationError, InvalidInput
from container_manager_core.keys import KeyFile

MASK = b"***"
KEY_VARIABLE = "CONTAINER_MANAGER_SECRET_KEY"
_REFERENCE = re.compile(r"secret://(?P<resolver>[a-z][a-z0-9-]*)/(?P<name>.+)")

SecretResolver = Callable[[str], str]
"""Gives the secret of a name; raises `InvalidInput` when there is none."""


class SecretForm(StrEnum):
    """How a secret is held."""

    CLEAR = "clear"
    """The value itself: only between the caller and the store, never at rest."""
    SEALED = "sealed"
    """The value, encrypted with the installation's key."""
    REFERENCE = "reference"
    """``secret://<resolver>/<name>``, resolved at launch."""


@attrs.frozen
class Secret:
    """A secret, or where to find it. Its text is never in its repr."""

    form: SecretForm
    text: str = attrs.field(repr=lambda text: text if text.startswith("secret://") else "'***'")

    @classmethod
    def parse(cls, value: "Secret | str", place: str = "secret") -> "Secret":
        """A secret from its value, or from a ``secret://<resolver>/<name>`` reference.

        Raises:
            InvalidInput: a reference of another form, or a value that no environment can hold.
        """
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise InvalidInput(place, "the value of a secret is no string", "write it as a string")
        if "\0" in value:
            raise InvalidInput(place, "the value of a secret holds a NUL character", "encode it, for example as base64")
        if not value.startswith("secret://"):
            return cls(SecretForm.CLEAR, value)
        if not _REFERENCE.fullmatch(value):
            raise InvalidInput(place, f"{value!r} is no reference to a secret", "write secret://<resolver>/<name>")
        return cls(SecretForm.REFERENCE, value)


class Vault:
    """Seals secrets with Fernet (AES-128-CBC and HMAC-SHA256) and opens them again.

    Args:
        keys: Fernet keys, newest first: the first seals, all open, so that keys can rotate.
        keys_now: gives the keys again, for a secret that none of those known opens.
    """

    def __init__(self, keys: Iterable[str], keys_now: Callable[[], Iterable[str]] | None = None) -> None:
        self._keys_now = keys_now
        self._take(keys)

    def _take(self, keys: Iterable[str]) -> None:
        from cryptography.fernet import Fernet, MultiFernet

        try:
            each = [Fernet(key) for key in keys]
            self._newest, self._fernet = each[:1], MultiFernet(each)
        except ValueError as error:
            raise ConfigurationError(
                KEY_VARIABLE, "it holds no usable key", "use 32 random bytes in URL-safe base64, commas between keys"
            ) from error

    @classmethod
    def open(cls, key_file: Path, environment: Mapping[str, str] = os.environ) -> "Vault":
        """The vault of this installation.

        The keys come from the variable CONTAINER_MANAGER_SECRET_KEY (commas between them),
        else from the key file, which is made, readable by its owner alone, when missing.
        """
        given = environment.get(KEY_VARIABLE, "")
        if given:
            return cls(key.strip() for key in given.split(","))
        file = KeyFile(key_file)
        return cls(file.keys(), file.keys)

    def seal(self, secret: Secret) -> Secret:
        """The same secret, fit to be stored."""
        if secret.form is not SecretForm.CLEAR:
            return secret
        return Secret(SecretForm.SEALED, self._fernet.encrypt(secret.text.encode()).decode())

    def open_sealed(self, secret: Secret, place: str = "secret") -> str:
        """The value of a sealed secret.

        Raises:
            ConfigurationError: it was sealed with a key that is not among ours.
        """
        return self._open(secret, place).decode()

    def reseal(self, secret: Secret, place: str = "secret") -> Secret:
        """The same secret, sealed with the newest key; as it is when it is already, or is not sealed.

        Raises:
            ConfigurationError: it was sealed with a key that is not among ours.
        """
        from cryptography.fernet import InvalidToken

        if secret.form is not SecretForm.SEALED:
            return secret
        try:
            self._newest[0].decrypt(secret.text.encode())
        except InvalidToken:
            return self.seal(Secret(SecretForm.CLEAR, self._open(secret, place).decode()))
        return secret

    def _open(self, secret: Secret, place: str) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(secret.text.encode())
        except InvalidToken:
            pass
        if self._keys_now is not None:
            self._take(self._keys_now())
        try:
            return self._fernet.decrypt(secret.text.encode())
        except InvalidToken as error:
            raise ConfigurationError(
                place, "it was sealed with another key", f"put that key into {KEY_VARIABLE} or the key file as well"
            ) from error


def environment_resolver(name: str) -> str:
    """The secret in this process's environment variable of that name."""
    try:
        return os.environ[name]
    except KeyError:
        raise InvalidInput(
            f"secret://env/{name}", f"the worker's environment has no variable {name!r}", "set it where the worker runs"
        ) from None


def file_resolver(name: str) -> str:
    """The secret in the file of that absolute path, without one trailing newline."""
    path = Path("/") / name
    try:
        return path.read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"secret://file/{name}", f"the file {path} cannot be read ({error})", "check it") from error


CORE_RESOLVERS: Mapping[str, SecretResolver] = {"env": environment_resolver, "file": file_resolver}


class SecretSource:
    """Gives the values of secrets at launch.

    Args:
        vault: opens sealed secrets; called only when there is one to open.
        resolvers: for references, by name; ``env`` and ``file`` are always there.
    """

    def __init__(self, vault: Callable[[], Vault], resolvers: Mapping[str, SecretResolver] | None = None) -> None:
        self._vault = vault
        self._resolvers = {**CORE_RESOLVERS, **(resolvers or {})}

    def seal(self, secrets: Mapping[str, Secret]) -> dict[str, Secret]:
        """The secrets, fit to be stored. References with an unknown resolver are refused."""
        for name, secret in secrets.items():
            if secret.form is SecretForm.REFERENCE:
                self._resolver(secret, f"secrets[{name!r}]")
        return {
            name: self._vault().seal(secret) if secret.form is SecretForm.CLEAR else secret
            for name, secret in secrets.items()
        }

    def resolve(self, secrets: Mapping[str, Secret]) -> dict[str, str]:
        """The values, by name.

        Raises:
            InvalidInput: a secret that does not exist, or that cannot be opened.
        """
        return {name: self._value(secret, f"secrets[{name!r}]") for name, secret in secrets.items()}

    def _value(self, secret: Secret, place: str) -> str:
        if secret.form is SecretForm.CLEAR:
            return secret.text
        if secret.form is SecretForm.SEALED:
            return self._vault().open_sealed(secret, place)
        resolver, name = self._resolver(secret, place)
        return resolver(name)

    def _resolver(self, secret: Secret, place: str) -> tuple[SecretResolver, str]:
        match = _REFERENCE.fullmatch(secret.text)
        assert match is not None  # Secret.parse let only references through
        resolver = self._resolvers.get(match["resolver"])
        if resolver is None:
            known = ", ".join(sorted(self._resolvers))
            raise InvalidInput(place, f"there is no secret resolver {match['resolver']!r}", f"known are: {known}")
        return resolver, match["name"]


class Masker:
    """Replaces secret values in a stream of bytes that comes in pieces.

    Args:
        values: the secret values; empty ones are passed over.
    """

    def __init__(self, values: Iterable[str]) -> None:
        encoded = sorted({value.encode() for value in values if value}, key=len, reverse=True)
        self._values = encoded
        self._pattern = re.compile(b"|".join(re.escape(value) for value in encoded)) if encoded else None

    def mask(self, data: bytes, final: bool = True) -> tuple[bytes, int]:
        """The masked bytes, and how many bytes of ``data`` they stand for.

        Unless ``final``, an end that may be the beginning of a secret is held back: give it
        again in front of the next piece.
        """
        if self._pattern is None:
            return data, len(data)
        end = len(data) if final else self._safe_end(data)
        return self._pattern.sub(MASK, data[:end]), end

    def mask_text(self, text: str) -> str:
        """The same for a message."""
        return self.mask(text.encode())[0].decode()

    def _safe_end(self, data: bytes) -> int:
        """Where the part begins that depends on what follows: a secret may begin there and end later."""
        assert self._pattern is not None
        first = max(0, len(data) - len(self._values[0]) + 1)
        undecided = [start for start in range(first, len(data)) if self._may_begin(data[start:])]
        if not undecided:
            return len(data)
        free_from = 0
        for match in self._pattern.finditer(data):
            held = [start for start in undecided if free_from <= start <= match.start()]
            if held:
                return held[0]
            free_from = match.end()
        return next((start for start in undecided if start >= free_from), len(data))

    def _may_begin(self, end: bytes) -> bool:
        return any(len(value) > len(end) and value.startswith(end) for value in self._values)
