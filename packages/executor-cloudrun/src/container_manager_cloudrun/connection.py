"""Channels to Google's servers, or to those that stand in for them."""

from pathlib import Path
from typing import Any

import google.auth
import grpc
from google.api_core import grpc_helpers
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from container_manager_cloudrun.options import CloudRunOptions
from container_manager_core.errors import PermanentError
from container_manager_core.failure import FailureKind

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_CHANNEL: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", -1),
    # A firewall may forget a quiet connection: without a ping the next call would wait for its own timeout.
    ("grpc.keepalive_time_ms", 60_000),
]


def credentials_of(options: CloudRunOptions) -> Any:
    """The credentials that a host asks for, new.

    Raises:
        PermanentError: the key file cannot be used.
        google.auth.exceptions.GoogleAuthError: there are no Application Default Credentials.
    """
    if options.credentials == "anonymous":
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    if options.credentials == "adc":
        return google.auth.default(scopes=_SCOPES)[0]
    try:
        credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
            options.credentials, scopes=_SCOPES
        )
    except OSError as error:
        raise PermanentError(
            f"credentials: the key file {options.credentials!r} cannot be read ({error.strerror})",
            FailureKind.CREDENTIALS,
            "check the path",
        ) from error
    except (ValueError, KeyError):
        # Without the cause, which may show what the file holds.
        raise PermanentError(
            f"credentials: {options.credentials!r} is no key file of a service account",
            FailureKind.CREDENTIALS,
            "download it anew",
        ) from None
    return credentials.with_always_use_jwt_access(True)


def channel(endpoint: str, default_host: str, credentials: Any, ca_file: Path | None) -> grpc.Channel:
    """A channel with TLS.

    Args:
        endpoint: ``host[:port]``.
        default_host: the service's own name, which tokens are made out to.
        credentials: who we are.
        ca_file: the authorities to trust; None takes the usual ones.

    Raises:
        PermanentError: the file cannot be read.
    """
    try:
        roots = ca_file.read_bytes() if ca_file is not None else None
    except OSError as error:
        raise PermanentError(
            f"ca_file: {str(ca_file)!r} cannot be read ({error.strerror})", FailureKind.CREDENTIALS, "check the path"
        ) from error
    opened: grpc.Channel = grpc_helpers.create_channel(
        endpoint if ":" in endpoint else f"{endpoint}:443",
        credentials=credentials,
        default_scopes=_SCOPES,
        default_host=default_host,
        ssl_credentials=grpc.ssl_channel_credentials(root_certificates=roots),
        options=_CHANNEL,
    )
    return opened


def anonymous_channel(endpoint: str, authority_file: str | None) -> grpc.Channel:
    """A channel to a test server, with TLS and without credentials."""
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return channel(endpoint, endpoint, credentials, Path(authority_file) if authority_file else None)
