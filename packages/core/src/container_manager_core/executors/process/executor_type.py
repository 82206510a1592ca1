"""The process executor as the core registers it; the executor itself is imported when one is made."""

from typing import TYPE_CHECKING

from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.executors.process.options import ProcessOptions

if TYPE_CHECKING:
    from container_manager_core.executor import ContainerExecutor


def _make(options: ProcessOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_core.executors.process.executor import ProcessExecutor

    return ProcessExecutor(options, context)


PROCESS = ExecutorType(
    name="process",
    title="Processes of this machine, without isolation",
    options=ProcessOptions,
    capabilities=frozenset(
        {
            Capability.EVENTS,
            Capability.IDEMPOTENT_LAUNCH,
            Capability.LIVE_LOGS,
            Capability.SEPARATE_STREAMS,
            Capability.BINARY_LOGS,
            Capability.USAGE,
            Capability.GRACEFUL_STOP,
            Capability.PLATFORM_TIMEOUT,
        }
    ),
    factory=_make,
    automatic=False,
)
