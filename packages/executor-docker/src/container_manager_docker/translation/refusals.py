"""An engine's refusals, in our errors; matched by its status codes and, where these say too little, its words."""

import re
from collections.abc import Iterable

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError, UpstreamError
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import Masker

_NO_COMMAND = re.compile(
    r'exec: "|exec format error|executable file .*not found|no such file or directory|command that was not found', re.I
)
_REFUSALS: tuple[tuple[re.Pattern[str], type[ExecutorError], FailureKind, str], ...] = (
    (
        re.compile(r"port is already allocated|address already in use", re.I),
        CapacityError,
        FailureKind.CAPACITY,
        "publish another host port, or leave the choice to the engine",
    ),
    (
        re.compile(r"no space left on device|cannot allocate memory", re.I),
        CapacityError,
        FailureKind.CAPACITY,
        "make room on the engine's machine",
    ),
    (
        re.compile(r"range of CPUs", re.I),
        PermanentError,
        FailureKind.SPEC,
        "ask for no more CPUs than the engine's machine has",
    ),
    (
        re.compile(r"could not select device driver|unresolvable CDI device", re.I),
        PermanentError,
        FailureKind.SPEC,
        "install the GPU's container toolkit on the engine's machine, or ask for no GPU",
    ),
    (
        re.compile(r"network .*not found|unable to find network", re.I),
        PermanentError,
        FailureKind.SPEC,
        "create the network with docker network create",
    ),
    (
        re.compile(r"bind source path does not exist", re.I),
        PermanentError,
        FailureKind.SPEC,
        "mount a path that exists on the engine's machine",
    ),
    (
        re.compile(r"unable to find (user|group)|no matching entries in (passwd|group) file", re.I),
        PermanentError,
        FailureKind.SPEC,
        "name a user that the image knows, or a number",
    ),
)
_REGISTRY: tuple[tuple[re.Pattern[str], type[ExecutorError], FailureKind, str], ...] = (
    (
        re.compile(r"toomanyrequests|too many requests|rate limit|\b429\b", re.I),
        UpstreamError,
        FailureKind.PLATFORM,
        "wait, or log in to the registry for a higher limit",
    ),
    (
        re.compile(
            r"repository does not exist|manifest unknown|manifest for .* not found|name unknown|not found", re.I
        ),
        PermanentError,
        FailureKind.IMAGE,
        "check the name and the tag; for a private image, log in with docker login or set registry_auth",
    ),
    (
        re.compile(r"no matching manifest|does not match the specified platform|no match for platform", re.I),
        PermanentError,
        FailureKind.IMAGE,
        "ask for a platform that the image has",
    ),
    (
        re.compile(r"unauthorized|no basic auth credentials|authentication required|denied|\b401\b|\b403\b", re.I),
        PermanentError,
        FailureKind.CREDENTIALS,
        "log in with docker login, or check the host's registry_auth",
    ),
    (
        re.compile(r"no such host", re.I),
        PermanentError,
        FailureKind.IMAGE,
        "check the name, load the image into the engine, or give the engine a way to the registry",
    ),
    (
        re.compile(r"server gave HTTP response to HTTPS client|certificate|invalid reference format", re.I),
        PermanentError,
        FailureKind.IMAGE,
        "check the registry's address, and that the engine trusts it",
    ),
    (
        re.compile(r"no space left on device", re.I),
        CapacityError,
        FailureKind.CAPACITY,
        "make room on the engine's machine",
    ),
)


def is_missing_image(status: int, message: str) -> bool:
    """Whether the engine lacks the image, or has it for another platform only."""
    return status == 404 and bool(
        re.search(r"no such image|image not known|image with reference|no image", message, re.I)
    )


def is_name_taken(status: int, message: str) -> bool:
    """Whether a container of that name exists; Podman says so with status 500."""
    return status in (409, 500) and bool(re.search(r"name .* is already in use", message, re.I))


def is_log_driver_missing(status: int, message: str) -> bool:
    """Whether the engine has no such log driver, as Podman's."""
    return status >= 400 and bool(re.search(r"log(ging)?.?(driver|plugin)", message, re.I))


def is_version_mismatch(status: int, message: str) -> bool:
    """Whether the engine was exchanged for one that speaks another version of the API."""
    return status == 400 and bool(re.search(r"client version .* is too (new|old)", message, re.I))


def refused(status: int, message: str, action: str, *, may_have_started: bool = False) -> ExecutorError:
    """The error for a call that the engine answered with a status of 400 or more."""
    text = f"the engine cannot {action}: {message}"
    for pattern, error, kind, hint in _REFUSALS:
        if pattern.search(message):
            return error(text, kind, hint)
    if status in (401, 403):
        return PermanentError(text, FailureKind.CREDENTIALS, "check what this user may do on the engine")
    if status < 500 and status not in (408, 409, 425, 429):
        return PermanentError(text, FailureKind.SPEC)
    # An answer of 502 to 504 comes from something in between: the engine may have done it.
    return TransientError(text, may_have_started=may_have_started and status > 500)


def start_refused(message: str, action_on: str, status: int = 500) -> ExecutorError:
    """The error for a container that was created and could not be started."""
    known = refused(status, message, f"start {action_on}", may_have_started=True)
    if _NO_COMMAND.search(message) and not isinstance(known, CapacityError):
        return PermanentError(
            f"the command cannot be started: {message}",
            FailureKind.SPEC,
            "check that the image has the command, that it may be executed, and that it fits the machine",
        )
    return known


def missing_image(image: str, reason: str) -> ExecutorError:
    """The error for an image that the engine lacks and may not pull."""
    return PermanentError(
        f"the engine has no image {image!r} ({reason})",
        FailureKind.IMAGE,
        "pull or build it there, or set pull to missing",
    )


def pull_refused(image: str, message: str) -> ExecutorError:
    """The error for a pull that failed, from the registry's words."""
    text = f"the image {image!r} cannot be pulled: {message}"
    for pattern, error, kind, hint in _REGISTRY:
        if pattern.search(message):
            return error(text, kind, hint)
    return UpstreamError(text, hint="check the engine's way to the registry")


def foreign_container(name: str) -> ExecutorError:
    """The error for a container that has our name and is not ours."""
    return PermanentError(
        f"a container {name!r} exists on the engine that this installation did not make for this attempt",
        FailureKind.PLATFORM,
        f"see what it is with docker inspect {name}, and remove it",
    )


def masked(error: ExecutorError, secrets: Iterable[str]) -> ExecutorError:
    """The same error, without the values of secrets in its words."""
    masker = Masker(secrets)
    return type(error)(masker.mask_text(error.message), error.kind, error.hint, error.may_have_started)
