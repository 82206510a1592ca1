"""The mock executor as the core registers it; the executor itself is imported when one is made."""

from typing import TYPE_CHECKING

from container_manager_core.executor_type import Capability, ExecutorContext, ExecutorType
from container_manager_core.executors.mock.options import MockOptions

if TYPE_CHECKING:
    from container_manager_core.executor import ContainerExecutor


def _make(options: MockOptions, context: ExecutorContext) -> "ContainerExecutor":
    from container_manager_core.executors.mock.executor import MockExecutor

    return MockExecutor(options, context)


MOCK = ExecutorType(
    name="mock",
    title="Scripted outcomes in memory, for tests",
    options=MockOptions,
    capabilities=frozenset(
        {
            Capability.EVENTS,
            Capability.IDEMPOTENT_LAUNCH,
            Capability.LIVE_LOGS,
            Capability.SEPARATE_STREAMS,
            Capability.BINARY_LOGS,
            Capability.USAGE,
            Capability.MEMORY_LIMIT,
            Capability.GRACEFUL_STOP,
            Capability.IMAGES,
        }
    ),
    factory=_make,
    automatic=False,
)
