"""The admin: lists, pages and actions for jobs, hosts and templates, and a dashboard."""

from container_manager.admin.environment import EnvironmentVariableTemplateAdmin
from container_manager.admin.executions import ContainerExecutionAdmin
from container_manager.admin.hosts import ExecutorHostAdmin
from container_manager.admin.jobs import ContainerJobAdmin
from container_manager.admin.templates import ContainerTemplateAdmin

__all__ = [
    "ContainerExecutionAdmin",
    "ContainerJobAdmin",
    "ContainerTemplateAdmin",
    "EnvironmentVariableTemplateAdmin",
    "ExecutorHostAdmin",
]
