"""Who calls, and what they may do."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import attrs
import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local_clouds.cloudrun.refusal import Refusal

_INVALID = "Request had invalid authentication credentials. Expected OAuth 2 access token or other valid credential."


@attrs.frozen(kw_only=True)
class Account:
    """A service account.

    Attributes:
        email: its name.
        permissions: what it may do, for example ``run.jobs.run``; None means everything.
        key: its key pair.
    """

    email: str
    permissions: frozenset[str] | None = None
    key: rsa.RSAPrivateKey = attrs.field(repr=False, factory=lambda: rsa.generate_private_key(65537, 2048))
    key_id: str = attrs.field(factory=lambda: uuid4().hex)

    def key_file(self, project: str) -> dict[str, str]:
        """The content of a key file as the platform gives it."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": self.key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": "1",
            "token_uri": "https://localhost/token",
        }


@attrs.frozen(kw_only=True)
class Accounts:
    """Everybody who may call.

    Attributes:
        known: the service accounts.
        anonymous: whether callers without credentials may do everything.
    """

    known: Sequence[Account] = ()
    anonymous: bool = True

    def require(self, metadata: Mapping[str, Any], permission: str, resource: str) -> None:
        """Refuse a caller who is unknown or may not do this."""
        authorization = metadata.get("authorization")
        if authorization is None and self.anonymous:
            return
        account = self._account(str(authorization or ""))
        if account.permissions is not None and permission not in account.permissions:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
            )

    def _account(self, authorization: str) -> Account:
        """The account that signed the token itself, as the SDK does with a key file."""
        try:
            head, claims, signature = authorization.removeprefix("Bearer ").split(".")
            key_id, facts = _decoded(head)["kid"], _decoded(claims)
        except (ValueError, KeyError):
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, _INVALID) from None
        account = next((account for account in self.known if account.key_id == key_id), None)
        if account is None or facts.get("exp", 0) < time.time():
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, _INVALID)
        try:
            account.key.public_key().verify(
                _bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, _INVALID) from None
        return account


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _decoded(text: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(_bytes(text))
    return decoded
