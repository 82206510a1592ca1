"""Where tasks run, who they are, and how the platform's APIs are used."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from container_manager_core.errors import ConfigurationError

_Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]

_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/\S+")
_CLUSTER = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LOG_GROUP = re.compile(r"[A-Za-z0-9_./#-]{1,512}")
_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days for which CloudWatch Logs keeps output; the API reference of PutRetentionPolicy, November 2026."""


def _matching(pattern: str | re.Pattern[str], remedy: str, *, optional: bool = False) -> _Validator:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if optional and value is None:
            return
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ConfigurationError(attribute.name, f"{value!r} cannot be used", remedy)

    return check


def _between(low: float, high: float, unit: str, *, optional: bool = False) -> _Validator:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if optional and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigurationError(attribute.name, f"{value!r} is out of range", f"use {low:g} to {high:g} {unit}")

    return check


def _flag(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(attribute.name, f"{value!r} is neither true nor false", "write true or false")


def _names(prefix: str, most: int, *, required: bool) -> _Validator:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        for name in value:
            if not isinstance(name, str) or not re.fullmatch(rf"{prefix}-[0-9A-Za-z-]+", name):
                raise ConfigurationError(attribute.name, f"{name!r} is no id", f"write ids such as {prefix}-0abc1234")
        if not (1 if required else 0) <= len(value) <= most:
            raise ConfigurationError(
                attribute.name, f"there are {len(value)} of them", f"give {1 if required else 0} to {most}"
            )

    return check


def _tuple(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ConfigurationError("subnets and security_groups", f"{value!r} is one string", 'write a list: ["..."]')
    return tuple(value)


def _retention(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    if value is not None and value not in _RETENTIONS:
        known = ", ".join(map(str, _RETENTIONS))
        raise ConfigurationError(attribute.name, f"{value!r} is no such number of days", f"use one of {known}")


@attrs.frozen(kw_only=True)
class FargateOptions:
    """A Fargate host's own options; checked where they are made.

    Credentials come from the SDK's standard chain (environment, profile, role), never from here.

    Attributes:
        subnets: ids of the subnets that tasks are put into, 1 to 16.
        execution_role_arn: the role with which the platform itself pulls images, reads secrets and writes logs.
        cluster: name of the ECS cluster; best one that nothing else uses.
        security_groups: ids, at most 5; the network's default one when left out.
        task_role_arn: the role that the command itself has.
        assign_public_ip: whether tasks get a public address; needed in a subnet without a NAT gateway.
        platform_version: such as ``1.4.0``, or ``LATEST``.
        spot: whether tasks run on spare capacity, which costs less and can be taken away.
        ephemeral_storage_gib: disk of a task, 21 to 200 GiB; the platform's 20 when left out.
        region: such as ``eu-central-1``; the SDK's own when left out.
        profile: of the SDK's configuration files.
        endpoint_url: where all APIs are reached, for tests and private installations.
        log_group: the CloudWatch log group; made when it is missing.
        log_retention_days: set on a log group that is made.
        allow_plain_secrets: whether secrets without a reference to a store of the platform are passed as plain
            variables, which everybody who may describe tasks can read.
        prices: path of a price list that replaces the own one.
        timeout: longest silence of one call, in seconds.
        ecs_calls_per_second, log_calls_per_second: calls to each API, over all hosts of this process in one account.
        backoff_seconds: longest first pause after "too many calls"; each further one is twice as long.
        log_interval_seconds: shortest time between two looks at the output of one task that runs.
        log_overlap_seconds: by how much output may come later than younger output and is still read.
        log_settle_seconds: how long after the end output is waited for.
        definition_days: a task definition that was not used for so long is removed.
    """

    subnets: tuple[str, ...] = attrs.field(converter=_tuple, validator=_names("subnet", 16, required=True))
    execution_role_arn: str = attrs.field(validator=_matching(_ROLE, "write arn:aws:iam::<account>:role/<name>"))
    cluster: str = attrs.field(
        default="default", validator=_matching(_CLUSTER, "write the cluster's name, not its ARN")
    )
    security_groups: tuple[str, ...] = attrs.field(
        default=(), converter=_tuple, validator=_names("sg", 5, required=False)
    )
    task_role_arn: str | None = attrs.field(
        default=None, validator=_matching(_ROLE, "write arn:aws:iam::<account>:role/<name>", optional=True)
    )
    assign_public_ip: bool = attrs.field(default=False, validator=_flag)
    platform_version: str = attrs.field(
        default="LATEST", validator=_matching(r"LATEST|\d+\.\d+\.\d+", "write LATEST or a version such as 1.4.0")
    )
    spot: bool = attrs.field(default=False, validator=_flag)
    ephemeral_storage_gib: int | None = attrs.field(default=None, validator=_between(21, 200, "GiB", optional=True))
    region: str | None = attrs.field(
        default=None, validator=_matching(r"[a-z]{2,}(-[a-z]+)+-\d+", "write it as in eu-central-1", optional=True)
    )
    profile: str | None = attrs.field(
        default=None, validator=_matching(r"\S.*", "name a profile of ~/.aws/config", optional=True)
    )
    endpoint_url: str | None = attrs.field(
        default=None, validator=_matching(r"https?://[^\s/].*", "write http://host:port or https://host", optional=True)
    )
    log_group: str = attrs.field(
        default="/container-manager", validator=_matching(_LOG_GROUP, "use letters, digits and _ - / . #")
    )
    log_retention_days: int | None = attrs.field(default=None, validator=_retention)
    allow_plain_secrets: bool = attrs.field(default=False, validator=_flag)
    prices: Path | None = None
    timeout: float = attrs.field(default=20.0, validator=_between(0.1, 3600, "seconds"))
    ecs_calls_per_second: float = attrs.field(default=20.0, validator=_between(0.1, 10_000, "calls"))
    log_calls_per_second: float = attrs.field(default=10.0, validator=_between(0.1, 10_000, "calls"))
    backoff_seconds: float = attrs.field(default=0.5, validator=_between(0.001, 60, "seconds"))
    log_interval_seconds: float = attrs.field(default=1.0, validator=_between(0, 3600, "seconds"))
    log_overlap_seconds: float = attrs.field(default=15.0, validator=_between(0, 3600, "seconds"))
    log_settle_seconds: float = attrs.field(default=2.0, validator=_between(0, 600, "seconds"))
    definition_days: int = attrs.field(default=30, validator=_between(1, 3650, "days"))

    @property
    def partition(self) -> str:
        """The part of the cloud that the account is in: ``aws``, ``aws-cn``, ``aws-us-gov``."""
        return self._role()["partition"]

    @property
    def account_id(self) -> str:
        """The account that tasks run in, from the execution role."""
        return self._role()["account"]

    def _role(self) -> re.Match[str]:
        match = _ROLE.fullmatch(self.execution_role_arn)
        assert match is not None  # the validator let it through
        return match
