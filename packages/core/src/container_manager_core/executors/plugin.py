"""Registers the executors that come with the core."""

from collections.abc import Sequence

from container_manager_core.executor import ExecutorType
from container_manager_core.hookspecs import hookimpl


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    return []
