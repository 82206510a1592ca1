"""A container's configuration in the engine's words, and what an engine cannot be asked for."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from container_manager_core.attachments import Mount, MountKind, Port
from container_manager_core.errors import PermanentError
from container_manager_core.executor import ExecutionRequest, Plan, Problem
from container_manager_core.failure import FailureKind
from container_manager_core.spec import ContainerSpec

INSTALLATION_LABEL = "container-manager.installation"
JOB_LABEL = "container-manager.job"
ATTEMPT_LABEL = "container-manager.attempt"

LEAST_MEMORY_MIB = 6
"""The engine's own limit, since 20.10: "Minimum memory limit allowed is 6MB"."""

_MEBIBYTE = 1_048_576
_ALONE = ("host", "none")
_BUILT_IN = (*_ALONE, "bridge", "default")

LOG_CONFIGURATION = {"Type": "local", "Config": {"max-size": "100g", "max-file": "1", "compress": "false"}}
"""The usual driver, json-file, replaces bytes that are not UTF-8; and output may not be rotated away."""


def container_configuration(job: ExecutionRequest, log_configuration: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body of the call that creates the container of an attempt.

    Args:
        job: the attempt.
        log_configuration: `LOG_CONFIGURATION`, or None for the engine's default.

    Raises:
        PermanentError: a word or variable that UTF-8 cannot hold; the engine would replace it.
    """
    spec = job.spec
    variables = {
        **job.environment,
        **job.secrets,
        "CONTAINER_MANAGER_JOB_ID": str(job.job_id),
        "CONTAINER_MANAGER_ATTEMPT": str(job.attempt),
    }
    _require_text(job, variables)
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "Labels": {
            **spec.labels,
            INSTALLATION_LABEL: job.installation_id,
            JOB_LABEL: str(job.job_id),
            ATTEMPT_LABEL: str(job.attempt),
        },
        "ExposedPorts": {_port_name(port): {} for port in spec.ports},
        "StopTimeout": math.ceil(spec.stop_grace_seconds),
        "HostConfig": _host_configuration(spec, log_configuration),
    }
    optional = {
        "Cmd": list(spec.command) or None,
        "Entrypoint": None if spec.entrypoint is None else list(spec.entrypoint) or [""],
        "User": spec.user,
        "WorkingDir": spec.working_directory,
        "Hostname": spec.hostname,
        "NetworkingConfig": _endpoints(spec),
    }
    return body | {word: value for word, value in optional.items() if value is not None}


def create_parameters(job: ExecutionRequest) -> dict[str, str]:
    """The query of the same call."""
    return {"name": job.name} | ({"platform": job.spec.platform} if job.spec.platform else {})


def later_networks(spec: ContainerSpec) -> tuple[str, ...]:
    """The networks that the container is joined to after it was created and before it starts."""
    return spec.networks[1:]


def endpoint(spec: ContainerSpec, network: str) -> dict[str, Any]:
    """How the container is joined to a network."""
    names = spec.network_aliases.get(network)
    return {"Aliases": list(names)} if names else {}


def _endpoints(spec: ContainerSpec) -> dict[str, Any] | None:
    """How it is joined to the first one, where there is something to be said of that."""
    first = endpoint(spec, spec.networks[0]) if spec.networks else {}
    return {"EndpointsConfig": {spec.networks[0]: first}} if first else None


def plan(spec: ContainerSpec) -> Plan:
    """What an engine makes of a spec, and what no engine can do."""
    notes = []
    if spec.privileged:
        notes.append("privileged: the container has full access to the engine's machine")
    if spec.resources.gpus:
        notes.append("GPUs need the NVIDIA container toolkit on the engine's machine")
    return Plan(
        problems=tuple(_problems(spec)),
        memory_mib=spec.resources.memory_mib,
        cpus=spec.resources.cpus,
        notes=tuple(notes),
    )


def _problems(spec: ContainerSpec) -> Iterator[Problem]:
    memory = spec.resources.memory_mib
    if memory is not None and memory < LEAST_MEMORY_MIB:
        yield Problem(
            place="resources.memory_mib",
            message=f"a Docker engine cannot limit memory to {memory} MiB",
            remedy=f"give {LEAST_MEMORY_MIB} MiB or more",
        )
    built_in = next((network for network in spec.network_aliases if network in _BUILT_IN), None)
    if built_in is not None:
        yield Problem(
            place=f"network_aliases[{built_in!r}]",
            message=f"in the engine's own network {built_in!r} a container has no further names",
            remedy="make a network with docker network create, and name that",
        )
    alone = next((network for network in spec.networks if network in _ALONE), None)
    if alone is None:
        return
    if len(spec.networks) > 1:
        yield Problem(
            place="networks",
            message=f"the network {alone!r} cannot be combined with others",
            remedy="name it alone, or leave it out",
        )
    if spec.ports:
        yield Problem(
            place="ports",
            message=f"with the network {alone!r} no port can be published",
            remedy="leave the ports out, or use another network",
        )


def _host_configuration(spec: ContainerSpec, log_configuration: Mapping[str, Any] | None) -> dict[str, Any]:
    resources = spec.resources
    body: dict[str, Any] = {
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "Init": spec.init,
        "Privileged": spec.privileged,
        "ReadonlyRootfs": spec.read_only_root,
        "CapDrop": list(spec.drop_capabilities),
        "CapAdd": list(spec.add_capabilities),
        "SecurityOpt": [] if spec.allow_new_privileges or spec.privileged else ["no-new-privileges"],
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "PortBindings": _port_bindings(spec.ports),
    }
    if log_configuration is not None:
        body["LogConfig"] = dict(log_configuration)
    if spec.networks:
        body["NetworkMode"] = spec.networks[0]
    if resources.memory_mib is not None:
        # Equal limits leave no swap on top: what is over the limit is out of memory.
        body["Memory"] = body["MemorySwap"] = resources.memory_mib * _MEBIBYTE
    if resources.cpus is not None:
        body["NanoCpus"] = round(resources.cpus * 1e9)
    if resources.pids is not None:
        body["PidsLimit"] = resources.pids
    if resources.gpus:
        body["DeviceRequests"] = [{"Count": resources.gpus, "Capabilities": [["gpu"]]}]
    return body


def _mount(mount: Mount) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.kind.value, "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.kind is not MountKind.TMPFS:
        body["Source"] = mount.source
    elif mount.size_mib is not None:
        body["TmpfsOptions"] = {"SizeBytes": mount.size_mib * _MEBIBYTE}
    return body


def _port_name(port: Port) -> str:
    return f"{port.container_port}/{port.protocol}"


def _port_bindings(ports: tuple[Port, ...]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        host_port = "" if port.host_port is None else str(port.host_port)
        bindings.setdefault(_port_name(port), []).append({"HostIp": port.host_address, "HostPort": host_port})
    return bindings


def _require_text(job: ExecutionRequest, variables: Mapping[str, str]) -> None:
    places = {f"command[{number}]": word for number, word in enumerate(job.spec.command)}
    places |= {f"entrypoint[{number}]": word for number, word in enumerate(job.spec.entrypoint or ())}
    places |= {f"environment[{name!r}]": f"{name}{value}" for name, value in variables.items()}
    for place, text in places.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PermanentError(
                f"{place} holds the lone surrogate {text[error.start]!r}, which an engine would replace",
                FailureKind.SPEC,
                "pass bytes that are not UTF-8 in another encoding, for example base64",
            ) from None
