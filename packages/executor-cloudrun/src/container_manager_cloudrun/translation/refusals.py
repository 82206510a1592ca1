"""The platform's errors, in ours; matched by their codes and, where these say too little, by their words."""

import re

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, TransportError

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.failure import FailureKind

_RATE = re.compile(r"per minute|per second|requests? (?:per|rate)|rate limit", re.IGNORECASE)
_ALLOCATION = re.compile(r"quota|limit is", re.IGNORECASE)
_TOKEN = re.compile(r"metadata from plugin failed", re.IGNORECASE)
_TOKEN_REFUSED = re.compile(r"invalid_grant|RefreshError|invalid_client|invalid_scope", re.IGNORECASE)
_NEVER_SENT = re.compile(
    r"failed to connect|name resolution|DNS|connection refused|handshak|certificate", re.IGNORECASE
)
_PLACE = re.compile(r"on resource project|on 'locations/", re.IGNORECASE)

_Code = grpc.StatusCode
_SPEC = {_Code.INVALID_ARGUMENT, _Code.OUT_OF_RANGE, _Code.FAILED_PRECONDITION, _Code.UNIMPLEMENTED}
_CREDENTIALS_HINT = "check the option credentials, or log in with gcloud auth application-default login"


def code_of(error: GoogleAPICallError) -> grpc.StatusCode:
    """The status of a call that failed."""
    found = error.grpc_status_code
    return found if isinstance(found, grpc.StatusCode) else _Code.UNKNOWN


def is_throttled(error: GoogleAPICallError) -> bool:
    """Whether the call was refused, undone, for being one too many in a time."""
    return code_of(error) is _Code.RESOURCE_EXHAUSTED and bool(_RATE.search(str(error.message)))


def is_unanswered(error: GoogleAPICallError) -> bool:
    """Whether nobody knows if the call was done; a call that changes nothing may be made again."""
    unsure = {_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED, _Code.INTERNAL, _Code.UNKNOWN, _Code.ABORTED, _Code.CANCELLED}
    return code_of(error) in unsure and not _TOKEN.search(str(error.message))


def is_expired(error: GoogleAPICallError) -> bool:
    """Whether new credentials may help."""
    return code_of(error) is _Code.UNAUTHENTICATED


def refused(error: GoogleAPICallError, action: str, *, starts_something: bool = False) -> ExecutorError:
    """The error for a call that failed.

    Args:
        error: what the SDK raised.
        action: what was to be done, for the message.
        starts_something: whether the call, had it arrived, may have started something.
    """
    code, words = code_of(error), str(error.message)
    message = f"Cloud Run refused to {action}: {words}"
    if _TOKEN.search(words):
        return _no_token(words, action)
    if is_unanswered(error):
        return TransientError(
            f"Cloud Run did not answer when asked to {action}: {words}",
            hint="the call is made again when it answers",
            may_have_started=starts_something and not _NEVER_SENT.search(words),
        )
    if is_throttled(error):
        return TransientError(message, hint="lower the host's calls per minute, or ask for a higher quota")
    if code is _Code.RESOURCE_EXHAUSTED:
        kind = FailureKind.QUOTA if _ALLOCATION.search(words) else FailureKind.CAPACITY
        return CapacityError(message, kind, "wait, use another region, or ask for a higher quota")
    if code is _Code.UNAUTHENTICATED:
        return PermanentError(message, FailureKind.CREDENTIALS, _CREDENTIALS_HINT)
    if code is _Code.PERMISSION_DENIED:
        return PermanentError(message, FailureKind.CREDENTIALS, _permission_hint(words))
    if code is _Code.NOT_FOUND:
        return PermanentError(message, FailureKind.SPEC, "check the host's project and region")
    if code in _SPEC:
        return PermanentError(message, FailureKind.SPEC, "change what the message names")
    return TransientError(message, may_have_started=starts_something)


def no_credentials(error: GoogleAuthError) -> ExecutorError:
    """The error for credentials that are not there or cannot be refreshed."""
    if isinstance(error, TransportError):
        return TransientError(f"Google's credentials could not be fetched: {error}", hint="check the network")
    return PermanentError(
        f"there are no usable Google credentials: {error}", FailureKind.CREDENTIALS, _CREDENTIALS_HINT
    )


def _no_token(words: str, action: str) -> ExecutorError:
    message = f"no token could be had to {action}: {words}"
    if _TOKEN_REFUSED.search(words):
        return PermanentError(message, FailureKind.CREDENTIALS, _CREDENTIALS_HINT)
    return TransientError(message, hint="check the network, and the option credentials")


def _permission_hint(words: str) -> str:
    if _PLACE.search(words):
        return "check the host's project and region, and that the account may use them"
    return "give the account the roles that the executor's page lists (docs/executors/cloudrun.md)"
