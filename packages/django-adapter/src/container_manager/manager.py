"""The one `ContainerManager` of this project: its database, hosts, settings and signals."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from container_manager import conf
from container_manager.conversion.hosts import configured_hosts
from container_manager.hooks import NamedExecutor, SettingsSecrets, SignalSender, StartupTimes
from container_manager.secrets import get_vault
from container_manager.store.store import OrmStore
from container_manager_core.config import Config
from container_manager_core.errors import StoreUnavailable
from container_manager_core.executor import Health
from container_manager_core.job import Job, JobStatus
from container_manager_core.log import get_logger
from container_manager_core.manager import ContainerManager
from container_manager_core.plugins import Plugins

if TYPE_CHECKING:
    from container_manager.models import ContainerJob

_log = get_logger()


class DjangoManager(ContainerManager):
    """The core's facade on this project's database."""

    @property
    def store(self) -> OrmStore:
        """The store on this project's database."""
        store = super().store
        assert isinstance(store, OrmStore)
        return store

    @property
    def is_in_transaction(self) -> bool:
        """Whether this thread is inside a transaction of the project's."""
        return bool(transaction.get_connection(self.store.database.alias).in_atomic_block)

    def run(self, *args: Any, **options: Any) -> Job:
        """As the core's; `TransactionManagementError` inside a transaction."""
        with self._outside("run"):
            return super().run(*args, **options)

    def run_stored(self, *args: Any, **options: Any) -> Job:
        """As the core's; `TransactionManagementError` inside a transaction."""
        with self._outside("run_stored"):
            return super().run_stored(*args, **options)

    def launch(self, job_id: UUID) -> Job:
        """As the core's; `TransactionManagementError` inside a transaction."""
        with self._outside("launch"):
            return super().launch(job_id)

    def harvest(self, job_id: UUID) -> Job:
        """As the core's; `TransactionManagementError` inside a transaction."""
        with self._outside("harvest"):
            return super().harvest(job_id)

    def check_host(self, name: str) -> Health:
        """As the core's; `TransactionManagementError` inside a transaction."""
        with self._outside("check_host"):
            return super().check_host(name)

    @contextmanager
    def _outside(self, call: str) -> Iterator[None]:
        """A platform is never called while a transaction is open: it may be rolled back, and it locks."""
        if self.is_in_transaction:
            raise transaction.TransactionManagementError(
                f"{call} calls a platform, which is not done inside a transaction; "
                f"call it after the commit with transaction.on_commit(...), "
                f"or mark the view with transaction.non_atomic_requests"
            )
        with self.store.database.lending():
            yield

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
    named = [
        (f"CONTAINER_EXECUTORS[{entry.name!r}]", NamedExecutor(entry))
        for entry in conf.executor_settings()
        if entry.executor_class is not None
    ]
    own = "django-container-manager"
    return Plugins.load(also=[*named, (own, SettingsSecrets()), (own, StartupTimes()), (own, SignalSender())])


@cache
def _manager() -> DjangoManager:
    given = conf.manager_settings()
    store = OrmStore(given.database)
    return DjangoManager(
        Config(
            store=f"django:{given.database}",
            worker=given.worker(),
            hosts={},
            rules=tuple(conf.routing_rules()) if conf.uses_routing() else (),
            budgets=given.budgets,
            policy=given.policy,
        ),
        store=store,
        hosts=lambda: store.database.run(lambda cursor: configured_hosts()),
        plugins=get_plugins(),
        vault=get_vault(),
        on_checked=_note_check,
    )


def launch(row: "ContainerJob") -> bool:
    """Start a job now, or after the commit of the transaction that is under way; whether it was started now."""
    manager = get_manager()
    if manager.is_in_transaction:
        # A worker may be faster: that it cannot be started twice is logged, and is no error of the caller's request.
        transaction.on_commit(lambda: manager.launch(row.id), using=manager.store.database.alias, robust=True)
        return False
    job = manager.launch(row.id)
    row.refresh_from_db()
    return job.status is not JobStatus.PENDING


def _note_check(name: str, health: Health) -> None:
    from container_manager.models import ExecutorHost

    database = get_manager().store.database
    try:
        database.run(lambda cursor: ExecutorHost.note_health(name, health))
    except StoreUnavailable as error:  # the database's fault is not the host's
        _log.warning("host.check_not_stored", host=name, error=str(error))
