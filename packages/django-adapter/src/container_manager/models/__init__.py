"""The models of container-manager."""

from container_manager.models.executions import ContainerExecution, OutputChunk
from container_manager.models.hosts import DockerHost, ExecutorHost
from container_manager.models.jobs import ContainerJob
from container_manager.models.templates import (
    ContainerTemplate,
    EnvironmentVariable,
    EnvironmentVariableTemplate,
    NetworkAssignment,
)
from container_manager.models.workers import BudgetAccount, HostLock, Installation, WorkerLease

__all__ = [
    "BudgetAccount",
    "ContainerExecution",
    "ContainerJob",
    "ContainerTemplate",
    "DockerHost",
    "EnvironmentVariable",
    "EnvironmentVariableTemplate",
    "ExecutorHost",
    "HostLock",
    "Installation",
    "NetworkAssignment",
    "OutputChunk",
    "WorkerLease",
]
