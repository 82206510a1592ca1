"""Registers the executors that come with the core."""

from collections.abc import Sequence

from container_manager_core.executor_type import ExecutorType
from container_manager_core.executors.mock.executor_type import MOCK
from container_manager_core.executors.process import PROCESS
from container_manager_core.hookspecs import hookimpl


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """The executor types of the core. Their executors are imported when the first one is made."""
    return [MOCK, PROCESS]
