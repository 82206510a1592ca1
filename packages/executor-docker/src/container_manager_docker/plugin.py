"""Registers the Docker executor; the SDK is imported when the first executor is made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl
from container_manager_docker.options import DockerOptions

if TYPE_CHECKING:
    from container_manager_core.executor import ContainerExecutor

CAPABILITIES = frozenset(
    {
        Capability.EVENTS,
        Capability.IDEMPOTENT_LAUNCH,
        Capability.LIVE_LOGS,
        Capability.SEPARATE_STREAMS,
        Capability.BINARY_LOGS,
        Capability.USAGE,
        Capability.MEMORY_LIMIT,
        Capability.CPU_LIMIT,
        Capability.GRACEFUL_STOP,
        Capability.IMAGES,
        Capability.ISOLATION,
    }
)


def _executor(options: DockerOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_docker.executor import DockerExecutor

    return DockerExecutor(options, context)


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """The executor type ``docker``."""
    return [
        ExecutorType(
            name="docker",
            title="Docker engine",
            options=DockerOptions,
            capabilities=CAPABILITIES,
            factory=_executor,
        )
    ]
