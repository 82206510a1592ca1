"""Hosts: from a row, and from settings, to the core's value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from container_manager_core.errors import InvalidInput
from container_manager_core.host import Host
from container_manager_core.spec import PullPolicy

if TYPE_CHECKING:
    from container_manager.models import ExecutorHost

BUILT_IN = "local"
"""The host that is there while none is configured: this machine's Docker engine."""


def host_of(row: "ExecutorHost") -> Host:
    """The core's host of a row. Raises `InvalidInput`."""
    if not isinstance(row.executor_config, Mapping):
        raise InvalidInput("executor_config", f"{row.executor_config!r} is no table", "write a JSON object")
    if not isinstance(row.labels, Mapping):
        raise InvalidInput("labels", f"{row.labels!r} is no table", "write a JSON object")
    config: Any = _docker_config(row) if row.executor_type == "docker" else dict(row.executor_config)
    return Host(
        name=row.name,
        executor=row.executor_type,
        config=config,
        weight=row.weight,
        max_concurrent_jobs=row.max_concurrent_jobs,
        cost_per_hour=row.cost_per_hour,
        cost_per_job=row.cost_per_job,
        labels=row.labels,
        active=row.is_active,
    )


def _docker_config(row: "ExecutorHost") -> dict[str, Any]:
    """The form's own fields count where the options do not say otherwise."""
    config: dict[str, Any] = {"tls_verify": row.tls_verify}
    if row.connection_string:
        address = row.connection_string
        if row.tls_enabled and address.startswith("tcp://"):
            address = "https://" + address.removeprefix("tcp://")
        config["base_url"] = address
    if not row.auto_pull_images:
        config["pull"] = PullPolicy.NEVER.value
    return {**config, **row.executor_config}


def typed_options(host: Host) -> Any:
    """The executor's own options of a host, checked. Raises `InvalidInput` for any that it does not take."""
    from container_manager.manager import get_plugins
    from container_manager_core.structuring import structure

    executor_type = get_plugins().executor_type(host.executor, "executor")
    return structure(host.config, executor_type.options, "executor_config")


def configured_hosts() -> dict[str, Host]:
    """The hosts as they are now: rows, then those in settings that no row replaces, else the built-in one."""
    from container_manager.conf import executor_hosts
    from container_manager.models import ExecutorHost

    hosts = {host.name: host for host in executor_hosts()}
    hosts.update({row.name: host_of(row) for row in ExecutorHost.objects.all()})
    return hosts or {BUILT_IN: Host(name=BUILT_IN, executor="docker")}
