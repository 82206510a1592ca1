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
from container_manager.models.workers import HostLock, Installation, WorkerLease

__all__ = [
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
