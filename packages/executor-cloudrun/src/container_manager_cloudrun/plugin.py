"""Registers the Cloud Run executor; the SDKs are imported when the first executor is made."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.secret_references import RESOLVER, resolve
from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from decimal import Decimal

    from container_manager_core.executor import ContainerExecutor
    from container_manager_core.secrets import SecretResolver
    from container_manager_core.spec import ContainerSpec

CAPABILITIES = frozenset(
    {
        Capability.LIVE_LOGS,
        Capability.SEPARATE_STREAMS,
        Capability.MEMORY_LIMIT,
        Capability.CPU_LIMIT,
        Capability.IMAGES,
        Capability.ISOLATION,
        Capability.PLATFORM_TIMEOUT,
    }
)


def _executor(options: CloudRunOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_cloudrun.executor import CloudRunExecutor

    return CloudRunExecutor(options, context)


def _price(options: CloudRunOptions, spec: "ContainerSpec") -> "Decimal":
    from container_manager_cloudrun.prices import price

    return price(options, spec)


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """The executor type ``cloudrun``."""
    return [
        ExecutorType(
            name="cloudrun",
            title="Google Cloud Run Jobs",
            options=CloudRunOptions,
            capabilities=CAPABILITIES,
            factory=_executor,
            price=_price,
        )
    ]


@hookimpl
def container_manager_secret_resolvers() -> "Mapping[str, SecretResolver]":
    """The resolver ``gcp-secretmanager``."""
    return {RESOLVER: resolve}
