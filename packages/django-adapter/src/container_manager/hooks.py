"""What the adapter adds to the core: Django's signal, hosts' starting times, secrets and executors in settings."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from container_manager.signals import job_status_changed
from container_manager_core.errors import ConfigurationError, InvalidInput, StoreUnavailable
from container_manager_core.executor import ExecutorType
from container_manager_core.hookspecs import hookimpl
from container_manager_core.job import Job, JobStatus
from container_manager_core.secrets import SecretResolver

if TYPE_CHECKING:
    from container_manager.conf import ExecutorSettings


class SignalSender:
    """Passes the core's news on as Django's signal, after the commit of what they tell of."""

    @hookimpl
    def container_manager_job_changed(self, job: Job, previous: JobStatus | None) -> None:
        if not job_status_changed.receivers:
            return
        from container_manager.manager import get_manager
        from container_manager.models import ContainerJob

        if not job_status_changed.has_listeners(ContainerJob):
            return

        def send() -> None:
            job_status_changed.send_robust(
                ContainerJob,
                job_id=job.id,
                status=job.status.value,
                previous=None if previous is None else previous.value,
                job=job,
            )

        database = get_manager().store.database
        with database.connected() as connection:
            if connection.in_atomic_block:
                transaction.on_commit(send, using=database.alias)
            else:
                send()


class StartupTimes:
    """Feeds the average time from launch to start that each host shows; stored every few seconds, not for each job.

    Args:
        pause_seconds: between two writes for a host.
    """

    def __init__(self, pause_seconds: float = 5.0) -> None:
        self._pause_seconds = pause_seconds
        self._gathered: defaultdict[str, list[timedelta]] = defaultdict(list)
        self._write_at: dict[str, float] = {}
        self._lock = threading.Lock()

    @hookimpl
    def container_manager_job_changed(self, job: Job, previous: JobStatus | None) -> None:
        execution = job.execution
        if job.status is not JobStatus.RUNNING or previous is not JobStatus.LAUNCHING or execution is None:
            return
        if execution.started_at is None:
            return
        from container_manager.manager import get_manager
        from container_manager.models import ExecutorHost

        # Two clocks: the platform's says when it started.
        gathered = self._gather(execution.host, max(execution.started_at - execution.created_at, timedelta()))
        if not gathered:
            return
        with suppress(StoreUnavailable):  # an average can do without some of its values
            get_manager().store.database.run(lambda cursor: ExecutorHost.note_startups(execution.host, gathered))

    def _gather(self, host: str, took: timedelta) -> Sequence[timedelta]:
        """What is to be stored now; the first one of a host is, at once."""
        now = time.monotonic()
        with self._lock:
            self._gathered[host].append(took)
            if now < self._write_at.get(host, 0.0):
                return ()
            self._write_at[host] = now + self._pause_seconds
            return self._gathered.pop(host)


class SettingsSecrets:
    """Resolves ``secret://settings/NAME``: a setting of the project's that is a string."""

    @hookimpl
    def container_manager_secret_resolvers(self) -> Mapping[str, SecretResolver]:
        return {"settings": _setting}


def _setting(name: str) -> str:
    value = getattr(settings, name, None) if name.isupper() else None
    if not isinstance(value, str):
        problem = f"the project has no setting {name!r} that is a string"
        raise InvalidInput(f"secret://settings/{name}", problem, "set it where the worker runs")
    return value


class NamedExecutor:
    """The executor type that an entry of ``CONTAINER_EXECUTORS`` names by its dotted path.

    Args:
        entry: with its ``executor_class``.
    """

    def __init__(self, entry: "ExecutorSettings") -> None:
        self._entry = entry

    @hookimpl
    def container_manager_executors(self) -> Sequence[ExecutorType]:
        """Under the entry's own name. Raises `ConfigurationError` for what is no executor type."""
        path = self._entry.executor_class or ""
        found = import_string(path)
        if not isinstance(found, ExecutorType):
            raise ConfigurationError("class", f"{path!r} is no ExecutorType", "name one by its dotted path")
        return [attrs.evolve(found, name=self._entry.name)]
