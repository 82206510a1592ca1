"""A spec in Scaleway's words: what the job definition holds, what a start adds, and what cannot be asked for."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from container_manager_core.errors import PermanentError
from container_manager_core.executor import ExecutionRequest, Problem
from container_manager_core.failure import FailureKind
from container_manager_core.spec import ContainerSpec
from container_manager_scaleway.secret_references import SecretReference, native_secrets
from container_manager_scaleway.sizes import Limits, Size, size_of
from container_manager_scaleway.sizes import problems as size_problems

JOB_VARIABLE = "CONTAINER_MANAGER_JOB_ID"
ATTEMPT_VARIABLE = "CONTAINER_MANAGER_ATTEMPT"
INSTALLATION_VARIABLE = "CONTAINER_MANAGER_INSTALLATION"
"""Variables of a run that mark it as ours: a run has no name, tag or label."""

_RESERVED = re.compile(r"SCW_SLS", re.IGNORECASE)
_EXPANDED = re.compile(r"\$(?=[$(])")
_PLATFORM = re.compile(r"linux/(amd64|x86_64)(/.*)?")
_UNSUPPORTED: Mapping[str, str] = {
    "mounts": "mount files or volumes",
    "networks": "join networks",
    "ports": "publish ports",
    "user": "choose the user",
    "working_directory": "choose the working directory",
    "hostname": "choose the host name",
    "read_only_root": "make the root file system read-only",
    "drop_capabilities": "drop Linux capabilities",
    "add_capabilities": "add Linux capabilities",
    "privileged": "give full access to the machine",
    "init": "put an init process in front of the command",
}


@attrs.frozen(kw_only=True)
class Definition:
    """The part of a spec that a start cannot change.

    Attributes:
        image, size, local_storage_mib, timeout_seconds: as Scaleway writes them.
        secrets: by variable; Scaleway puts them into each run.
    """

    image: str
    size: Size
    local_storage_mib: int
    timeout_seconds: int
    secrets: tuple[tuple[str, SecretReference], ...] = ()

    def name(self, installation_id: str) -> str:
        """The same for the same content of the same installation."""
        content = json.dumps(attrs.asdict(self), sort_keys=True)
        return f"{prefix_of(installation_id)}{hashlib.sha256(content.encode()).hexdigest()[:20]}"


def prefix_of(installation_id: str) -> str:
    """How the names of all definitions of an installation begin."""
    return f"cm-{hashlib.sha256(installation_id.encode()).hexdigest()[:12]}-"


def definition_of(spec: ContainerSpec, limits: Limits, local_storage_mib: int, longest_seconds: int) -> Definition:
    """The definition that a spec needs."""
    timeout = longest_seconds if spec.timeout_seconds is None else math.ceil(spec.timeout_seconds)
    return Definition(
        image=spec.image,
        size=size_of(spec.resources, limits),
        local_storage_mib=local_storage_mib,
        timeout_seconds=timeout,
        secrets=tuple(sorted(native_secrets(spec.secrets).items())),
    )


def start_of(job: ExecutionRequest) -> dict[str, Any]:
    """What a start adds to the definition: ``startup_command``, ``args`` and ``environment_variables``.

    Without a command the image's own one runs. Scaleway expands ``$(VARIABLE)`` in both lists as Kubernetes does,
    where a doubled dollar stands for one; so that ours arrive as they are, these are doubled.
    """
    spec = job.spec
    words = [_EXPANDED.sub("$$", word) for word in spec.command]
    command: list[str] | None = None
    if spec.entrypoint is not None:
        command = [_EXPANDED.sub("$$", word) for word in spec.entrypoint] or words[:1]
        words = words if spec.entrypoint else words[1:]
    variables = {
        **job.environment,
        **{name: value for name, value in job.secrets.items() if name not in native_secrets(spec.secrets)},
        JOB_VARIABLE: str(job.job_id),
        ATTEMPT_VARIABLE: str(job.attempt),
        INSTALLATION_VARIABLE: job.installation_id,
    }
    _require_text([*spec.command, *(spec.entrypoint or ())], variables)
    return {"startup_command": command, "args": words or None, "environment_variables": variables}


def problems(
    spec: ContainerSpec, limits: Limits, longest_seconds: int, region: str, plain_secrets: bool
) -> Iterator[Problem]:
    """What Serverless Jobs cannot do.

    Args:
        spec: what is asked for.
        limits, longest_seconds: what the account may have.
        region: where it would run.
        plain_secrets: whether secrets may be plain variables.
    """
    for place, ability in _UNSUPPORTED.items():
        if getattr(spec, place):
            yield Problem(
                place=place,
                message=f"Serverless Jobs cannot {ability}",
                remedy="leave it out, or run the job on another host",
            )
    yield from size_problems(size_of(spec.resources, limits), limits)
    yield from _resource_problems(spec)
    if spec.timeout_seconds is not None and spec.timeout_seconds > longest_seconds:
        yield Problem(
            place="timeout_seconds",
            message=f"Serverless Jobs end every run after {longest_seconds} s, before {spec.timeout_seconds:g} s",
            remedy=f"the longest is {longest_seconds} s",
        )
    yield from _variable_problems(spec)
    yield from _region_problems(spec, region)
    yield from secret_problems(spec, spec.secrets, plain_secrets)


def secret_problems(spec: ContainerSpec, names: Mapping[str, Any], plain_secrets: bool) -> Iterator[Problem]:
    """The secrets among ``names`` that could only be passed in clear, where that is not allowed."""
    plain = sorted(names.keys() - native_secrets(spec.secrets).keys())
    if plain and not plain_secrets:
        yield Problem(
            place=f"secrets[{plain[0]!r}]",
            message="the secret would be a plain variable of the run, for everybody to read who may list runs",
            remedy="give it as secret://scaleway-secretmanager/<secret id>, or set the host's allow_plain_secrets",
        )


def _resource_problems(spec: ContainerSpec) -> Iterator[Problem]:
    if spec.resources.gpus:
        yield Problem(place="resources.gpus", message="Serverless Jobs have no GPUs", remedy="ask for none")
    if spec.resources.pids is not None:
        yield Problem(
            place="resources.pids", message="Serverless Jobs cannot limit processes", remedy="leave the limit out"
        )
    if spec.platform is not None and not _PLATFORM.fullmatch(spec.platform):
        yield Problem(
            place="platform",
            message=f"Serverless Jobs run linux/amd64, not {spec.platform}",
            remedy="build the image for linux/amd64",
        )
    if spec.entrypoint == () and not spec.command:
        yield Problem(
            place="entrypoint",
            message="Serverless Jobs cannot clear the image's entrypoint without a command",
            remedy="give a command",
        )


def _variable_problems(spec: ContainerSpec) -> Iterator[Problem]:
    ours = (JOB_VARIABLE, ATTEMPT_VARIABLE, INSTALLATION_VARIABLE)
    for name in sorted({*spec.environment, *spec.secrets}):
        if _RESERVED.match(name) or name in ours:
            yield Problem(
                place=f"environment[{name!r}]",
                message="the name is reserved: the variable would be replaced or refused",
                remedy="choose another name",
            )


def _region_problems(spec: ContainerSpec, region: str) -> Iterator[Problem]:
    for name, reference in native_secrets(spec.secrets).items():
        if reference.region not in (None, region):
            yield Problem(
                place=f"secrets[{name!r}]",
                message=f"Serverless Jobs in {region} cannot have a secret of {reference.region}",
                remedy=f"keep the secret in {region} too",
            )


def _require_text(words: list[str], variables: Mapping[str, str]) -> None:
    places = {f"command[{number}]": word for number, word in enumerate(words)}
    places |= {f"environment[{name!r}]": f"{name}{value}" for name, value in variables.items()}
    for place, text in places.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PermanentError(
                f"{place} holds the lone surrogate {text[error.start]!r}, which no API call can carry",
                FailureKind.SPEC,
                "pass bytes that are not UTF-8 in another encoding, for example base64",
            ) from None
