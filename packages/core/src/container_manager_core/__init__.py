"""Run a job in a container, anywhere, and keep every fact about it.

with ContainerManager() as manager:
    job = manager.run(ContainerSpec(image="alpine", command=["echo", "hello"]))
    print(job.status, job.exit_code, manager.logs(job.id).stdout)

Each name is imported from its module when it is first used, so that a command pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from container_manager_core.acceptance import Submission
    from container_manager_core.attachments import Mount, MountKind, Port
    from container_manager_core.config import Config, WorkerSettings
    from container_manager_core.costs.balance import BudgetBalance
    from container_manager_core.costs.budget import Budget, Period
    from container_manager_core.costs.sums import CostQuery, CostSum
    from container_manager_core.errors import (
        CapacityError,
        ConfigurationError,
        ContainerManagerError,
        ExecutorError,
        IllegalTransition,
        InvalidInput,
        LeaseLost,
        NotFound,
        PermanentError,
        PluginError,
        PolicyRefusal,
        StoreUnavailable,
        TransientError,
        UpstreamError,
    )
    from container_manager_core.executor import ContainerExecutor, Logs
    from container_manager_core.executor_type import ExecutorType
    from container_manager_core.failure import Failure, FailureKind
    from container_manager_core.hookspecs import hookimpl
    from container_manager_core.host import Host
    from container_manager_core.job import Execution, Job, JobStatus, Usage
    from container_manager_core.manager import ContainerManager
    from container_manager_core.plugins import Plugins
    from container_manager_core.policy import Limit, Policy, Privilege
    from container_manager_core.pulling import PullPolicy
    from container_manager_core.resources import Resources
    from container_manager_core.retry import RetryPolicy
    from container_manager_core.rules import Rule
    from container_manager_core.secrets import Secret
    from container_manager_core.spec import ContainerSpec
    from container_manager_core.store import open_store
    from container_manager_core.store.protocol import JobQuery, JobStore
    from container_manager_core.streams import Stream

_HOMES = {
    "acceptance": ("Submission",),
    "attachments": (
        "Mount",
        "MountKind",
        "Port",
    ),
    "config": (
        "Config",
        "WorkerSettings",
    ),
    "costs.balance": ("BudgetBalance",),
    "costs.budget": (
        "Budget",
        "Period",
    ),
    "costs.sums": (
        "CostQuery",
        "CostSum",
    ),
    "errors": (
        "CapacityError",
        "ConfigurationError",
        "ContainerManagerError",
        "ExecutorError",
        "IllegalTransition",
        "InvalidInput",
        "LeaseLost",
        "NotFound",
        "PermanentError",
        "PluginError",
        "PolicyRefusal",
        "StoreUnavailable",
        "TransientError",
        "UpstreamError",
    ),
    "executor": (
        "ContainerExecutor",
        "Logs",
    ),
    "executor_type": ("ExecutorType",),
    "failure": (
        "Failure",
        "FailureKind",
    ),
    "hookspecs": ("hookimpl",),
    "host": ("Host",),
    "job": (
        "Execution",
        "Job",
        "JobStatus",
        "Usage",
    ),
    "manager": ("ContainerManager",),
    "plugins": ("Plugins",),
    "policy": (
        "Limit",
        "Policy",
        "Privilege",
    ),
    "pulling": ("PullPolicy",),
    "resources": ("Resources",),
    "retry": ("RetryPolicy",),
    "rules": ("Rule",),
    "secrets": ("Secret",),
    "spec": ("ContainerSpec",),
    "store": ("open_store",),
    "store.protocol": (
        "JobQuery",
        "JobStore",
    ),
    "streams": ("Stream",),
}

__all__ = [
    "Budget",
    "BudgetBalance",
    "CapacityError",
    "Config",
    "ConfigurationError",
    "ContainerExecutor",
    "ContainerManager",
    "ContainerManagerError",
    "ContainerSpec",
    "CostQuery",
    "CostSum",
    "Execution",
    "ExecutorError",
    "ExecutorType",
    "Failure",
    "FailureKind",
    "Host",
    "IllegalTransition",
    "InvalidInput",
    "Job",
    "JobQuery",
    "JobStatus",
    "JobStore",
    "LeaseLost",
    "Limit",
    "Logs",
    "Mount",
    "MountKind",
    "NotFound",
    "Period",
    "PermanentError",
    "PluginError",
    "Plugins",
    "Policy",
    "PolicyRefusal",
    "Port",
    "Privilege",
    "PullPolicy",
    "Resources",
    "RetryPolicy",
    "Rule",
    "Secret",
    "StoreUnavailable",
    "Stream",
    "Submission",
    "TransientError",
    "UpstreamError",
    "Usage",
    "WorkerSettings",
    "hookimpl",
    "open_store",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
