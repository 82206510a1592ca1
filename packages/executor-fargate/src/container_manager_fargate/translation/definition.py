"""A task definition and the overrides of one run, in the platform's words.

What equal jobs share is the definition: image, entrypoint, size, roles, secrets by reference. What differs
from job to job is given as overrides: command and variables. Where these are longer than overrides may
be, they go into the definition too.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import attrs

from container_manager_core.attachments import Port
from container_manager_core.errors import PermanentError
from container_manager_core.executor import ExecutionRequest
from container_manager_core.failure import FailureKind
from container_manager_core.spec import ContainerSpec
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.sizes import fit
from container_manager_fargate.translation.plain import require_text, tags
from container_manager_fargate.translation.references import by_reference

CONTAINER = "job"
INSTALLATION_TAG = "container-manager.installation"
JOB_TAG = "container-manager.job"
ATTEMPT_TAG = "container-manager.attempt"

LONGEST_OVERRIDES = 8192
"""Characters of the overrides as JSON; the API reference of RunTask, November 2026."""
LONGEST_DEFINITION = 65_536
"""Bytes of a task definition; "Amazon ECS service quotas", November 2026."""
SHORTEST_STOP_SECONDS, LONGEST_STOP_SECONDS = 2, 120
"""Time between the polite stop and the kill; the API reference of ContainerDefinition, November 2026."""
_ARCHITECTURES = {"linux/amd64": "X86_64", "linux/arm64": "ARM64", "linux/arm64/v8": "ARM64"}


@attrs.frozen(kw_only=True)
class Order:
    """One attempt as the platform is to be asked for it.

    Attributes:
        definition: the task definition, without its family.
        container_overrides: what differs from it.
        tags: what the task bears.
    """

    definition: Mapping[str, Any]
    container_overrides: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def content_hash(self) -> str:
        """The same for every order with the same definition."""
        return hashlib.sha256(_json(self.definition).encode()).hexdigest()[:20]


def order_of(job: ExecutionRequest, options: FargateOptions, region: str, stream_prefix: str) -> Order:
    """What to ask the platform for.

    Args:
        job: an attempt whose spec has no problem.
        options: the host's.
        region: where logs and secrets are.
        stream_prefix: what the names of log streams begin with.

    Raises:
        PermanentError: more than the platform takes.
    """
    references = by_reference(job.spec, options, region)
    marks = {"CONTAINER_MANAGER_JOB_ID": str(job.job_id), "CONTAINER_MANAGER_ATTEMPT": str(job.attempt)}
    plain = {name: value for name, value in job.secrets.items() if name not in references}
    content = _content({**job.environment, **plain}, job.spec)
    require_text(job.spec, {**job.environment, **plain})
    container = _container(job.spec, options, region, stream_prefix)
    container["secrets"] = [{"name": name, "valueFrom": place} for name, place in sorted(references.items())]
    overrides = _overrides(content, marks)
    if len(_json({"containerOverrides": [overrides]})) > LONGEST_OVERRIDES:
        container, overrides = container | content, _overrides({}, marks)
    definition = _definition(job.spec, options, container)
    length = len(_json(definition).encode())
    if length > LONGEST_DEFINITION - 1024:
        raise PermanentError(
            f"command and environment are too long: with them the task definition has {length} bytes, "
            f"and Fargate takes {LONGEST_DEFINITION}",
            FailureKind.SPEC,
            "put the data into a file, an object store or the image",
        )
    bear = {INSTALLATION_TAG: job.installation_id, JOB_TAG: str(job.job_id), ATTEMPT_TAG: str(job.attempt)}
    return Order(definition=definition, container_overrides=overrides, tags={**tags(job.spec), **bear})


def run_parameters(job: ExecutionRequest, order: Order, definition_arn: str, options: FargateOptions) -> dict[str, Any]:
    """The parameters of RunTask: the same for every try of an attempt, as the platform compares them."""
    network = {
        "subnets": list(options.subnets),
        "securityGroups": list(options.security_groups),
        "assignPublicIp": "ENABLED" if options.assign_public_ip else "DISABLED",
    }
    provider = "FARGATE_SPOT" if options.spot else "FARGATE"
    return {
        "cluster": options.cluster,
        "taskDefinition": definition_arn,
        "count": 1,
        "capacityProviderStrategy": [{"capacityProvider": provider, "weight": 1}],
        "platformVersion": options.platform_version,
        "networkConfiguration": {"awsvpcConfiguration": network},
        "overrides": {"containerOverrides": [dict(order.container_overrides)]},
        "startedBy": job.name,
        "clientToken": job.name,
        "tags": [{"key": key, "value": value} for key, value in order.tags.items()],
    }


def _definition(spec: ContainerSpec, options: FargateOptions, container: Mapping[str, Any]) -> dict[str, Any]:
    size = fit(spec.resources)
    assert size is not None  # a spec without a size has a problem
    definition: dict[str, Any] = {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(size.cpu_units),
        "memory": str(size.memory_mib),
        "executionRoleArn": options.execution_role_arn,
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": _ARCHITECTURES[spec.platform or "linux/amd64"],
        },
        "containerDefinitions": [{name: value for name, value in container.items() if value not in (None, [], {})}],
    }
    if options.task_role_arn:
        definition["taskRoleArn"] = options.task_role_arn
    if options.ephemeral_storage_gib:
        definition["ephemeralStorage"] = {"sizeInGiB": options.ephemeral_storage_gib}
    return definition


def _container(spec: ContainerSpec, options: FargateOptions, region: str, stream_prefix: str) -> dict[str, Any]:
    grace = min(max(math.ceil(spec.stop_grace_seconds), SHORTEST_STOP_SECONDS), LONGEST_STOP_SECONDS)
    capabilities = {"drop": list(spec.drop_capabilities), "add": list(spec.add_capabilities)}
    linux: dict[str, Any] = {"initProcessEnabled": True} if spec.init else {}
    if kept := {name: value for name, value in capabilities.items() if value}:
        linux["capabilities"] = kept
    return {
        "name": CONTAINER,
        "image": spec.image,
        "essential": True,
        # An empty list keeps the image's entrypoint; one empty word takes it away.
        "entryPoint": None if spec.entrypoint is None else list(spec.entrypoint) or [""],
        "user": spec.user,
        "workingDirectory": spec.working_directory,
        "readonlyRootFilesystem": spec.read_only_root or None,
        "stopTimeout": grace,
        "linuxParameters": linux,
        "portMappings": [_port(port) for port in spec.ports],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": options.log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": stream_prefix,
            },
        },
    }


def _content(variables: Mapping[str, str], spec: ContainerSpec) -> dict[str, Any]:
    content: dict[str, Any] = {"environment": _pairs(variables)}
    return content | ({"command": list(spec.command)} if spec.command else {})


def _overrides(content: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    return {"name": CONTAINER, **content, "environment": [*content.get("environment", ()), *_pairs(marks)]}


def _pairs(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _port(port: Port) -> dict[str, Any]:
    return {"containerPort": port.container_port, "hostPort": port.container_port, "protocol": port.protocol}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
