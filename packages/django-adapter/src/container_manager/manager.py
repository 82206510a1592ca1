"""The one `ContainerManager` of this project: its database, hosts, settings and signals."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils.module_loading import import_string

from container_manager import conf
from container_manager.conversion.hosts import BUILT_IN, configured_hosts
from container_manager.secrets import get_vault
from container_manager.store.store import OrmStore
from container_manager_core.config import Config
from container_manager_core.executor import Health
from container_manager_core.hookspecs import hookimpl
from container_manager_core.host import Host
from container_manager_core.job import Job, JobStatus
from container_manager_core.manager import ContainerManager
from container_manager_core.plugins import Plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from container_manager.models import ContainerJob
    from container_manager_core.executor import ExecutorType


class DjangoManager(ContainerManager):
    """The core's facade on this project's database."""

    @property
    def store(self) -> OrmStore:
        """The store on this project's database."""
        store = super().store
        assert isinstance(store, OrmStore)
        return store

    def _work_until(self, job_id: UUID, is_done: Callable[[Job], bool]) -> Job:
        """With connections that the work's threads give back: nobody would close their usual ones."""
        if self.store.database.is_pooled:
            return super()._work_until(job_id, is_done)
        with _new_manager() as own:
            own.store.database.pool()
            return own._work_until(job_id, is_done)

    def announce_new(self, jobs: Iterable[Job]) -> None:
        """Wake the workers, and tell the hooks of jobs that the models have stored."""
        self.store.wake()
        for job in jobs:
            self.bulk.announce(job, None)


def get_manager() -> DjangoManager:
    """The manager of this process: made at first use, as the settings are then."""
    return _manager()


def get_plugins() -> Plugins:
    """Executor types and hooks: what is installed, and what the settings name."""
    return _plugins()


def become_worker() -> DjangoManager:
    """The same, from now on with database connections of its own: a worker has many threads that need one briefly."""
    manager = get_manager()
    manager.store.database.pool()
    return manager


def reset() -> None:
    """Make all of it anew at the next use: for tests that change the settings."""
    if _manager.cache_info().currsize:
        _manager().close()
    _manager.cache_clear()
    _plugins.cache_clear()


@cache
def _plugins() -> Plugins:
    return Plugins.load(also=[("settings", _FromSettings()), ("django-container-manager", _SignalSender())])


@cache
def _manager() -> DjangoManager:
    return _new_manager()


def _new_manager() -> DjangoManager:
    given = conf.manager_settings()
    store = OrmStore(given.database)

    def hosts() -> Mapping[str, Host]:
        with store.database.connected():
            return configured_hosts()

    def note_check(name: str, health: Health) -> None:
        from container_manager.models import ExecutorHost

        with store.database.connected():
            ExecutorHost.note_health(name, health)

    return DjangoManager(
        Config(store=f"django:{given.database}", worker=given.worker(), hosts={}),
        store=store,
        hosts=hosts,
        plugins=get_plugins(),
        vault=get_vault(),
        on_checked=note_check,
    )


def default_host() -> str:
    """The host of jobs that name none, without routing."""
    named = conf.default_host_name()
    if named is not None:
        return named
    active = [host for host in configured_hosts().values() if host.active]
    return active[0].name if active else BUILT_IN


def launch(row: "ContainerJob") -> bool:
    """Start a job now, or after the commit of the transaction that is under way; whether it was started now."""
    connection = transaction.get_connection(conf.manager_settings().database)
    if connection.in_atomic_block:
        transaction.on_commit(lambda: get_manager().launch(row.id), using=connection.alias)
        return False
    job = get_manager().launch(row.id)
    row.refresh_from_db()
    return job.status is not JobStatus.PENDING


class _FromSettings:
    """Executor types that the settings name by their dotted path."""

    @hookimpl
    def container_manager_executors(self) -> "Sequence[ExecutorType]":
        return [
            import_string(entry.executor_class)
            for entry in conf.executor_settings()
            if entry.executor_class is not None
        ]


class _SignalSender:
    """Passes the core's news on as Django's signal."""

    @hookimpl
    def container_manager_job_changed(self, job: Job, previous: JobStatus | None) -> None:
        from container_manager.models import ContainerJob
        from container_manager.signals import job_status_changed

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
