"""Jobs: from the fields that people set to what the store keeps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from container_manager.conversion.hosts import BUILT_IN, default_host, named_hosts
from container_manager.conversion.specs import spec_of_job
from container_manager.conversion.times import aware
from container_manager_core.compliance import Compliance
from container_manager_core.errors import InvalidInput, NotFound
from container_manager_core.host import Host
from container_manager_core.job import Job
from container_manager_core.validation import require_integer, require_number

if TYPE_CHECKING:
    from container_manager.models import ContainerJob


def fix(row: "ContainerJob", hosts: Mapping[str, Host] | None = None) -> None:
    """Write into a row, in memory, what is to run and when. Raises `InvalidInput`.

    Args:
        hosts: those that somebody configured, by name; looked up when left out.
    """
    from container_manager.conf import manager_settings
    from container_manager.manager import get_plugins
    from container_manager.store.rows import waiting_columns

    require_integer("priority", row.priority, 0, 100, "")
    require_integer("memory_limit", row.memory_limit, 64, 16 * 1024 * 1024, "MB")
    require_number("cpu_limit", row.cpu_limit, 0.1, 32.0, "cores")
    require_integer("timeout_seconds", row.timeout_seconds, 1, 366 * 86400, "seconds")
    if "\0" in row.name:
        raise InvalidInput("name", f"{row.name!r} holds a NUL character", "remove it")
    _fix_host(row, named_hosts() if hosts is None else hosts)
    created_at = aware(row.created_at)
    job = Job(
        id=row.id,
        spec=spec_of_job(row),
        name=row.name,
        priority=row.priority,
        created_at=created_at,
        queued_at=created_at,
        scheduled_at=aware(row.scheduled_at) if row.scheduled_at else None,
        requested_host=row.docker_host_id,
        preferred_executor=row.preferred_executor or None,
        created_by=row.created_by.get_username() if row.created_by else row.submitter,
        waiting=row.waiting or None,
    )
    Compliance(manager_settings().policy, get_plugins()).check(job)
    for name, value in waiting_columns(job).items():
        setattr(row, name, value)


def _fix_host(row: "ContainerJob", hosts: Mapping[str, Host]) -> None:
    """The default host, where routing is off and the job has no wish; an executor that can be had."""
    from container_manager.conf import uses_routing
    from container_manager.manager import get_plugins

    wish, supported = row.preferred_executor, row.template.supported_executors if row.template else []
    if wish:
        get_plugins().executor_type(wish, "executor")
    elif row.docker_host_id is None and not uses_routing():
        row.docker_host_id = default_host(hosts)
    if row.docker_host_id is None:
        return
    host = hosts.get(row.docker_host_id)
    if host is None and row.docker_host_id == BUILT_IN and not hosts:
        row.docker_host_id = None
        return
    if host is None:
        known = ", ".join(sorted(hosts)) or BUILT_IN
        raise NotFound("host", f"no host is called {row.docker_host_id!r}", f"configured are: {known}")
    if wish and host.executor != wish:
        raise InvalidInput(
            "executor", f"the host {host.name!r} runs {host.executor!r}, not {wish!r}", "ask for one of them"
        )
    if supported and host.executor not in supported:
        raise InvalidInput(
            "host",
            f"the host {host.name!r} runs {host.executor!r}; the template supports {', '.join(supported)}",
            "choose another host",
        )
