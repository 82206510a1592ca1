"""What the platform refuses: sizes, names and lengths, as its manual gave them in November 2026.

Sources: the pages "Task definition differences for Fargate", "RegisterTaskDefinition", "RunTask" and "Tag" of
the Amazon ECS developer guide and API reference.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local_clouds.fargate.identity import Refused

_GIB = 1024
MEMORY_BY_CPU: Mapping[int, Sequence[int]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""Memory in MiB by CPU in units of 1/1024 vCPU."""

MISSING_SUBNET = "subnet-gone"
"""The one subnet that does not exist; every other id will do."""

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{1,128}")
_CLIENT_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_TAG = re.compile(r"[\w\s+\-=.:/@]*")
_LONGEST_OVERRIDES = 8192
_LONGEST_DEFINITION = 65_536
_MOST_TAGS = 50
_LONGEST_STOP_TIMEOUT = 120


def check_definition(wanted: Mapping[str, Any]) -> None:
    """Raises `Refused` for a task definition that Fargate does not take."""
    if not _FAMILY.fullmatch(wanted.get("family", "")):
        raise Refused("ClientException", "Family contains invalid characters.")
    if len(json.dumps(wanted, ensure_ascii=False).encode()) > _LONGEST_DEFINITION:
        raise Refused("ClientException", "Actual length of task definition exceeds the maximum of 65536 bytes.")
    if wanted.get("networkMode") != "awsvpc":
        raise Refused("ClientException", "Fargate only supports network mode 'awsvpc'.")
    _check_size(wanted)
    containers = wanted.get("containerDefinitions") or []
    if len(containers) != 1:
        raise Refused("ClientException", "This local cloud runs tasks of one container.")
    _check_container(wanted, containers[0])
    check_tags(wanted.get("tags") or [])


def _check_size(wanted: Mapping[str, Any]) -> None:
    cpu, memory = wanted.get("cpu", ""), wanted.get("memory", "")
    fits = cpu.isdecimal() and memory.isdecimal() and int(memory) in MEMORY_BY_CPU.get(int(cpu), ())
    if not fits:
        raise Refused(
            "ClientException", f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
        )


def _check_container(wanted: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    if container.get("privileged"):
        raise Refused("ClientException", "When networkMode=awsvpc, Fargate does not support privileged containers.")
    needs_role = "logConfiguration" in container or container.get("secrets")
    if needs_role and not wanted.get("executionRoleArn"):
        raise Refused(
            "ClientException",
            "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
        )
    if not 0 <= container.get("stopTimeout", 30) <= _LONGEST_STOP_TIMEOUT:
        raise Refused("ClientException", "stopTimeout must be at most 120 seconds on Fargate.")


def check_run(wanted: Mapping[str, Any]) -> None:
    """Raises `Refused` for a RunTask that Fargate does not take."""
    if len(json.dumps(wanted.get("overrides") or {})) > _LONGEST_OVERRIDES:
        raise Refused("InvalidParameterException", "Container Overrides length must be at most 8192")
    if not _STARTED_BY.fullmatch(wanted.get("startedBy", "none")):
        raise Refused("InvalidParameterException", "startedBy must be at most 128 letters, digits, '-', '_' and '/'.")
    if not _CLIENT_TOKEN.fullmatch(wanted.get("clientToken", "none")):
        raise Refused("InvalidParameterException", "clientToken must be at most 64 ASCII characters.")
    network = (wanted.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if not network.get("subnets"):
        raise Refused("InvalidParameterException", "subnets can not be empty.")
    for subnet in network["subnets"]:
        if not subnet.startswith("subnet-") or subnet == MISSING_SUBNET:
            raise Refused("InvalidParameterException", f"The subnet ID '{subnet}' does not exist")
    check_tags(wanted.get("tags") or [])


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Raises `Refused` for tags that the platform does not take."""
    if len(tags) > _MOST_TAGS:
        raise Refused("InvalidParameterException", "Too many tags. The maximum number of tags is 50.")
    for tag in tags:
        key, value = tag.get("key", ""), tag.get("value", "")
        if not 1 <= len(key) <= 128 or len(value) > 256 or not _TAG.fullmatch(key) or not _TAG.fullmatch(value):
            raise Refused("InvalidParameterException", f"Invalid tag key or value: {key!r}={value!r}")
