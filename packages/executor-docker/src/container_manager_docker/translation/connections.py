"""An engine that cannot be reached or stopped answering, in our errors."""

import errno
from collections.abc import Iterator
from typing import Any

import requests
import urllib3
from docker.errors import DockerException

from container_manager_core.errors import ExecutorError, PermanentError, TransientError
from container_manager_core.failure import FailureKind

CONNECTION_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, DockerException, OSError, EOFError)
"""What the SDK and the libraries below it raise when a call gets no answer."""

STREAM_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)
"""What they raise when an answer ends before its end."""

_NEVER_CONNECTED = (FileNotFoundError, ConnectionRefusedError, PermissionError, NotADirectoryError)
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)


def unreachable(error: BaseException, address: str, *, starts_something: bool = False) -> ExecutorError:
    """The error for a call that got no answer.

    Args:
        error: what was raised.
        address: the engine's, for the message.
        starts_something: whether the call, had it arrived, may have started something.
    """
    causes = list(_causes(error))
    if refusal := next((cause for cause in causes if isinstance(cause, requests.exceptions.SSLError)), None):
        return PermanentError(
            f"the engine at {address} cannot be trusted, or does not trust us: {_reason(refusal)}",
            FailureKind.CREDENTIALS,
            "check tls_ca_cert, tls_client_cert and tls_client_key",
        )
    if any("paramiko" in str(cause) for cause in causes):
        return PermanentError(
            f"the engine at {address} cannot be reached: ssh support is not installed",
            FailureKind.PLATFORM,
            "pip install 'container-manager-docker[ssh]'",
        )
    if any(isinstance(cause, PermissionError) for cause in causes):
        return TransientError(
            f"the engine at {address} cannot be reached: permission denied",
            hint="join the group that may use it (usermod -aG docker USER) and log in again",
        )
    if _never_connected(causes):
        return TransientError(
            f"the engine at {address} cannot be reached: {_reason(causes[-1])}",
            hint="start it (systemctl start docker), or set DOCKER_HOST or the host's base_url",
        )
    return TransientError(
        f"the engine at {address} did not answer: {_reason(causes[-1])}",
        hint="the call is made again when it answers",
        may_have_started=starts_something,
    )


def untrusted(error: DockerException, address: str) -> ExecutorError:
    """The error for TLS files that cannot be used."""
    return PermanentError(
        f"the engine at {address} cannot be reached over TLS: {error}",
        FailureKind.CREDENTIALS,
        "check the paths tls_ca_cert, tls_client_cert and tls_client_key",
    )


def _never_connected(causes: list[BaseException]) -> bool:
    return any(
        isinstance(cause, (*_NEVER_CONNECTED, requests.ConnectTimeout, urllib3.exceptions.NewConnectionError))
        or (isinstance(cause, OSError) and cause.errno in _UNREACHABLE)
        for cause in causes
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps, outermost first; libraries hide causes in arguments too."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, *current.args, getattr(current, "reason", None)]


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
