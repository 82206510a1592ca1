"""The platform's refusals, in our errors; matched by its codes and, where these say too little, its words."""

import re
from collections.abc import Iterable

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import Masker
from container_manager_fargate.options import FargateOptions

NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceAlreadyExistsException"
CONFLICT = "ConflictException"

_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_IDENTITY = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "OptInRequired", "UnauthorizedOperation"})
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_NEVER_ARRIVED = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)

_WORDS: tuple[tuple[re.Pattern[str], type[ExecutorError], FailureKind, str], ...] = (
    (
        re.compile(r"scoped to a valid region", re.I),
        PermanentError,
        FailureKind.SPEC,
        "correct the host's region, or the endpoint_url that belongs to it",
    ),
    (
        re.compile(r"reached the limit|limit exceeded|quota", re.I),
        CapacityError,
        FailureKind.QUOTA,
        "wait until other tasks have ended, or ask for more in Service Quotas, under AWS Fargate",
    ),
    (re.compile(r"RequestLimitExceeded|rate exceeded", re.I), TransientError, FailureKind.PLATFORM, ""),
    (
        re.compile(r"[Cc]apacity is unavailable|RESOURCE:[A-Z]"),
        CapacityError,
        FailureKind.CAPACITY,
        "wait, or give subnets in more availability zones",
    ),
    (
        re.compile(r"unable to assume the (service linked )?role|iam:PassRole", re.I),
        PermanentError,
        FailureKind.CREDENTIALS,
        "let ecs-tasks.amazonaws.com assume the execution and task roles, and allow iam:PassRole for both",
    ),
    (
        re.compile(r"subnet|security group", re.I),
        PermanentError,
        FailureKind.SPEC,
        "correct the host's subnets and security_groups: all of one network, in the host's region",
    ),
)


def code_of(error: Exception) -> str:
    """The platform's code for a refusal; empty for what is none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_throttled(error: Exception) -> bool:
    """Whether it was too much, and nothing was done."""
    return code_of(error) in _THROTTLED or _status(error) == 429


def is_expired(error: Exception) -> bool:
    """Whether our credentials were good once."""
    return code_of(error) in _EXPIRED


def is_platforms_fault(error: Exception) -> bool:
    """Whether the platform answered that it failed itself."""
    return _status(error) >= 500


def is_cut_off(error: Exception) -> bool:
    """Whether the connection ended before the answer."""
    return isinstance(error, ConnectionClosedError)


def is_inactive_definition(refusal: ExecutorError) -> bool:
    """Whether somebody removed the task definition meanwhile."""
    return bool(re.search(r"TaskDefinition (is inactive|not found)", refusal.message))


def is_unknown_task(error: ExecutorError) -> bool:
    """Whether the platform has no such task."""
    return "task was not found" in error.message


def translated(
    error: ClientError | BotoCoreError, operation: str, options: FargateOptions, *, starts_something: bool = False
) -> ExecutorError:
    """The error for a call that was refused or not answered.

    Args:
        error: the SDK's.
        operation: what was called.
        options: the host's.
        starts_something: whether a lost answer may hide that something was started.
    """
    if not isinstance(error, ClientError):
        return _unanswered(error, operation, options, starts_something)
    message = str(error.response.get("Error", {}).get("Message", "") or error)
    return _refused(error, f"{_call(operation)} was refused: {message} ({code_of(error)})", options, starts_something)


def _refused(error: ClientError, text: str, options: FargateOptions, starts_something: bool) -> ExecutorError:
    code = code_of(error)
    if is_throttled(error):
        return TransientError(text, hint="lower ecs_calls_per_second or log_calls_per_second")
    if code in _EXPIRED:
        return TransientError(text, FailureKind.CREDENTIALS, "renew the worker's credentials")
    if code == "ClusterNotFoundException":
        hint = f"create the cluster {options.cluster!r}, or correct the host's cluster and region"
        return PermanentError(text, FailureKind.SPEC, hint)
    if code in _DENIED:
        return PermanentError(text, FailureKind.CREDENTIALS, "allow the action to the worker's user or role")
    known = by_words(text)
    if known is not None:
        return known
    if code in _IDENTITY:
        return PermanentError(text, FailureKind.CREDENTIALS, "check the worker's access key, secret key and clock")
    if is_platforms_fault(error):
        return TransientError(text, may_have_started=starts_something)
    return PermanentError(text, FailureKind.SPEC, "check the job's spec and the host's options")


def by_words(text: str) -> ExecutorError | None:
    """The error that the platform's words mean, whatever its code; None when they say nothing special."""
    for pattern, error, kind, hint in _WORDS:
        if pattern.search(text):
            return error(text, kind, hint)
    return None


def no_capacity(reasons: Iterable[str]) -> ExecutorError:
    """The error for a launch that was answered with failures in place of a task."""
    text = f"run_task started nothing: {'; '.join(reasons) or 'no reason given'}"
    return by_words(text) or CapacityError(text, FailureKind.CAPACITY, "wait, or use another host")


def unsure(error: ExecutorError) -> TransientError:
    """The error of a launch that an earlier call may have started."""
    return TransientError(error.message, error.kind, error.hint, may_have_started=True)


def unusable(error: Exception, options: FargateOptions) -> ExecutorError:
    """The error for a client that cannot even be made."""
    if isinstance(error, NoRegionError):
        return PermanentError(str(error), FailureKind.SPEC, "set the host's region, or AWS_DEFAULT_REGION")
    if isinstance(error, InvalidRegionError):
        return PermanentError(str(error), FailureKind.SPEC, "correct the host's region")
    if isinstance(error, _NO_CREDENTIALS):
        return _no_credentials(error)
    return PermanentError(f"the SDK cannot be used: {error}", FailureKind.SPEC, "check the host's options")


def _no_credentials(error: Exception) -> ExecutorError:
    return PermanentError(
        f"the SDK has no credentials: {error}",
        FailureKind.CREDENTIALS,
        "give the worker a role, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )


def _unanswered(error: BotoCoreError, operation: str, options: FargateOptions, starts_something: bool) -> ExecutorError:
    if isinstance(error, _NO_CREDENTIALS):
        return _no_credentials(error)
    text = f"{_call(operation)} was not answered: {error}"
    if isinstance(error, _NEVER_ARRIVED):
        place = options.endpoint_url or f"region {options.region or 'of the SDK configuration'}"
        return TransientError(text, hint=f"check the {place} and the way there")
    if isinstance(error, HTTPClientError):
        return TransientError(text, hint="check the network", may_have_started=starts_something)
    return PermanentError(text, FailureKind.SPEC, "check the job's spec and the host's options")


def masked(error: ExecutorError, secrets: Iterable[str]) -> ExecutorError:
    """The same error, without the values of secrets in its words."""
    masker = Masker(secrets)
    return type(error)(masker.mask_text(error.message), error.kind, error.hint, error.may_have_started)


def _status(error: Exception) -> int:
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _call(operation: str) -> str:
    return operation.replace("_", " ")


def conflicting(refusal: ExecutorError) -> list[str]:
    """The tasks that were started before with the token of a refused launch."""
    cause = refusal.__cause__
    if not isinstance(cause, ClientError) or code_of(cause) != CONFLICT:
        return []
    return [str(arn) for arn in cause.response.get("resourceIds", ())]


def no_cluster(name: str, region: str, status: str) -> ExecutorError:
    """The error for a cluster that is not there, or not active."""
    return PermanentError(
        f"the cluster {name!r} in {region} is {status}",
        FailureKind.SPEC,
        f"create it with aws ecs create-cluster --cluster-name {name}, or correct the host's cluster and region",
    )
