"""Jobs: from the fields that people set to what the store keeps."""

from typing import TYPE_CHECKING

from container_manager.conversion.hosts import BUILT_IN
from container_manager.conversion.specs import spec_of_job
from container_manager.conversion.times import aware
from container_manager_core.errors import InvalidInput
from container_manager_core.job import Job
from container_manager_core.validation import require_integer

if TYPE_CHECKING:
    from container_manager.models import ContainerJob


def fix(row: "ContainerJob") -> None:
    """Write into a row, in memory, what is to run and when. Raises `InvalidInput`."""
    from container_manager.store.rows import waiting_columns

    require_integer("priority", row.priority, 0, 100, "")
    if "\0" in row.name:
        raise InvalidInput("name", f"{row.name!r} holds a NUL character", "remove it")
    _fix_host(row)
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
    for name, value in waiting_columns(job).items():
        setattr(row, name, value)


def _fix_host(row: "ContainerJob") -> None:
    """The default host, where routing is off and the job has no wish; an executor that can be had."""
    from container_manager.conf import uses_routing
    from container_manager.manager import default_host, get_plugins

    if row.preferred_executor:
        get_plugins().executor_type(row.preferred_executor, "executor")
    elif row.docker_host_id is None and not uses_routing():
        default = default_host()
        row.docker_host_id = None if default == BUILT_IN else default
    supported = row.template.supported_executors if row.template else []
    host = row.docker_host
    if host is not None and supported and host.executor_type not in supported:
        raise InvalidInput(
            "host",
            f"the host {host.name!r} runs {host.executor_type!r}; the template supports {', '.join(supported)}",
            "choose another host",
        )
