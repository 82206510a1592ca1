"""Secret values of Django models: sealed with keys that come from the project's SECRET_KEY."""

import base64
from functools import lru_cache

from django.conf import settings

from container_manager_core.errors import ConfigurationError
from container_manager_core.secrets import Secret, SecretForm, Vault

SEALED = "sealed:"
"""Marks a stored value that is sealed."""
_PURPOSE = b"container-manager secrets"


def get_vault() -> Vault:
    """The vault of this project: its first key comes from SECRET_KEY, further ones from SECRET_KEY_FALLBACKS."""
    return _vault((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _vault(secret_keys: tuple[str, ...]) -> Vault:
    return Vault(_fernet_key(key) for key in secret_keys)


def _fernet_key(secret_key: str) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
    return base64.urlsafe_b64encode(derived).decode()


def seal_text(text: str) -> str:
    """A value as it is stored: a reference as it is, a sealed one again as it is, any other sealed."""
    if text.startswith("secret://") or _is_sealed(text):
        return text
    return SEALED + get_vault().seal(Secret(SecretForm.CLEAR, text)).text


def _is_sealed(text: str) -> bool:
    if not text.startswith(SEALED):
        return False
    try:
        get_vault().open_sealed(sealed_secret(text))
    except ConfigurationError:
        return False
    return True


def sealed_secret(stored: str) -> Secret:
    """The core's secret of a stored value."""
    if stored.startswith(SEALED):
        return Secret(SecretForm.SEALED, stored.removeprefix(SEALED))
    return Secret.parse(stored)
