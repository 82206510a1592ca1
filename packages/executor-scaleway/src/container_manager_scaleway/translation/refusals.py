"""Scaleway's refusals, and its silence, in our errors."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests
import urllib3

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import Masker

THROTTLED = 429
_NEVER_CONNECTED = (
    requests.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
)
_BUSY = (408, 409, 412, 423, 425, THROTTLED)
_RUNS = "run"


class Missing(PermanentError):
    """Scaleway does not know what the call was about."""


def is_object(answer: requests.Response) -> bool:
    """Whether an answer is what every answer of the API is: a JSON object."""
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def words_of(answer: requests.Response) -> tuple[str, Mapping[str, Any]]:
    """Scaleway's sentence in an answer of 400 or more, and the facts beside it."""
    facts = answer.json() if is_object(answer) else {}
    message = str(facts.get("message") or answer.text.strip()[:500] or f"status {answer.status_code}")
    details = facts.get("details") or facts.get("fields")
    return (f"{message}: {json.dumps(details)}" if details else message), facts


def refused(
    status: int, message: str, facts: Mapping[str, Any], action: str, *, starts_something: bool = False
) -> ExecutorError:
    """The error for a call that Scaleway answered with a status of 400 or more.

    Args:
        status: the answer's.
        message, facts: as `words_of` gives them.
        action: what was asked for.
        starts_something: whether the call, had it gone through, started something.
    """
    text = f"Scaleway cannot {action}: {message}"
    word = str(facts.get("type") or "")
    if word == "out_of_stock":
        # An answer of 5xx does not prove that nothing was started.
        return CapacityError(text, hint="another region may have room", may_have_started=starts_something)
    if word == "quotas_exceeded":
        return _quota(text, message, facts)
    if status == 401 or word in ("denied_authentication", "expired_token"):
        return PermanentError(
            text, FailureKind.CREDENTIALS, "check that the API key exists, has not expired, and is the host's"
        )
    if status == 403:
        return PermanentError(
            text,
            FailureKind.CREDENTIALS,
            "give the API key's application ServerlessJobsFullAccess and ObservabilityReadOnly in the host's project",
        )
    if status == 404:
        return Missing(text, FailureKind.SPEC, "check the host's project_id and region")
    if status == THROTTLED:
        return TransientError(text, hint="lower the host's calls_per_second if this comes often")
    if status < 500 and status not in _BUSY:
        return PermanentError(text, FailureKind.SPEC)
    return TransientError(text, may_have_started=starts_something and status >= 500)


def unreachable(error: requests.RequestException, address: str, *, starts_something: bool = False) -> ExecutorError:
    """The error for a call that got no answer."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    words = type(reason or error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return PermanentError(
            f"{address} cannot be trusted: {words}", FailureKind.CREDENTIALS, "check api_url and the certificates"
        )
    if isinstance(error, _NEVER_CONNECTED) or isinstance(reason, _NEVER_CONNECTED):
        return TransientError(f"{address} cannot be reached: {words}", hint="check the network and the host's api_url")
    return TransientError(
        f"{address} did not answer: {words}",
        hint="the call is made again when it answers",
        may_have_started=starts_something,
    )


def masked(error: ExecutorError, secrets: Iterable[str]) -> ExecutorError:
    """The same error, without the values of secrets in its words."""
    masker = Masker(secrets)
    return type(error)(masker.mask_text(error.message), error.kind, error.hint, error.may_have_started)


def _quota(text: str, message: str, facts: Mapping[str, Any]) -> ExecutorError:
    """Runs end by themselves, so their quota is a lack of room; any other one stays exceeded."""
    resources = [str(detail.get("resource")) for detail in facts.get("details") or () if isinstance(detail, dict)]
    if any(_RUNS in resource for resource in resources) or "job run" in message:
        return CapacityError(text, hint="lower the host's max_concurrent_jobs, or ask Scaleway for a higher quota")
    return PermanentError(
        text, FailureKind.QUOTA, "delete job definitions that nobody needs, or ask for a higher quota"
    )
