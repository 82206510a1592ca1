"""Registers the Scaleway executor and its secrets; the SDK is imported when the first of either is used."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.secret_references import RESOLVER

if TYPE_CHECKING:
    from decimal import Decimal

    from container_manager_core.executor import ContainerExecutor
    from container_manager_core.secrets import SecretResolver
    from container_manager_core.spec import ContainerSpec

CAPABILITIES = frozenset(
    {
        Capability.LIVE_LOGS,
        Capability.MEMORY_LIMIT,
        Capability.CPU_LIMIT,
        Capability.IMAGES,
        Capability.ISOLATION,
        Capability.PLATFORM_TIMEOUT,
    }
)


def _executor(options: ScalewayOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_scaleway.executor import ScalewayExecutor

    return ScalewayExecutor(options, context)


def _secret(name: str) -> str:
    from container_manager_scaleway.secret_manager import access_secret

    return access_secret(name)


def _price(options: ScalewayOptions, spec: "ContainerSpec") -> "Decimal":
    from container_manager_scaleway.costs import price_per_hour

    return price_per_hour(options, spec)


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """The executor type ``scaleway``."""
    return [
        ExecutorType(
            name="scaleway",
            title="Scaleway Serverless Jobs",
            options=ScalewayOptions,
            capabilities=CAPABILITIES,
            factory=_executor,
            price=_price,
        )
    ]


@hookimpl
def container_manager_secret_resolvers() -> "Mapping[str, SecretResolver]":
    """``secret://scaleway-secretmanager/...``, for jobs that run elsewhere, and for masking what is printed."""
    return {RESOLVER: _secret}
