"""Registers the Fargate executor and its secret stores; the SDK is imported when the first one is used."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.stores import SECRET_STORES

if TYPE_CHECKING:
    from decimal import Decimal

    from container_manager_core.executor import ContainerExecutor
    from container_manager_core.secrets import SecretResolver
    from container_manager_core.spec import ContainerSpec

CAPABILITIES = frozenset(
    {
        Capability.IDEMPOTENT_LAUNCH,
        Capability.LIVE_LOGS,
        Capability.MEMORY_LIMIT,
        Capability.CPU_LIMIT,
        Capability.GRACEFUL_STOP,
        Capability.IMAGES,
        Capability.ISOLATION,
    }
)


def _executor(options: FargateOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_fargate.executor import FargateExecutor

    return FargateExecutor(options, context)


def _price(options: FargateOptions, spec: "ContainerSpec") -> "Decimal":
    from container_manager_fargate.prices import price_per_hour

    return price_per_hour(options, spec)


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """The executor type ``fargate``."""
    return [
        ExecutorType(
            name="fargate",
            title="AWS Fargate",
            options=FargateOptions,
            capabilities=CAPABILITIES,
            factory=_executor,
            price=_price,
        )
    ]


@hookimpl
def container_manager_secret_resolvers() -> "Mapping[str, SecretResolver]":
    """The resolvers ``aws-secretsmanager`` and ``aws-ssm``."""
    return SECRET_STORES
