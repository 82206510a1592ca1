"""Registers the Cloud Run executor; the SDKs are imported when the first executor is made."""

from collections.abc import Mapping, Sequence

from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.prices import price
from container_manager_cloudrun.secret_references import RESOLVER, resolve
from container_manager_core.executor import Capability, ContainerExecutor, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl
from container_manager_core.secrets import SecretResolver

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


def _executor(options: CloudRunOptions, context: ExecutorContext) -> ContainerExecutor:
    from container_manager_cloudrun.executor import CloudRunExecutor

    return CloudRunExecutor(options, context)


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
            price=price,
        )
    ]


@hookimpl
def container_manager_secret_resolvers() -> Mapping[str, SecretResolver]:
    """The resolver ``gcp-secretmanager``."""
    return {RESOLVER: resolve}
