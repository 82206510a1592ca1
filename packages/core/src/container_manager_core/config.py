"""Configuration: the file ``container-manager.toml``, or the same as objects."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from container_manager_core.costs.budget import Budget
from container_manager_core.errors import ConfigurationError
from container_manager_core.freezing import frozen_mapping, frozen_sequence
from container_manager_core.host import Host
from container_manager_core.policy import Policy
from container_manager_core.validation import (
    require_boolean,
    require_each,
    require_given,
    require_instance,
    require_integer,
    require_number,
    require_text,
)

if TYPE_CHECKING:
    from container_manager_core.rules.rule import Rule

FILE_NAME = "container-manager.toml"
PATH_VARIABLE = "CONTAINER_MANAGER_CONFIG"
DEFAULT_HOST = "local"


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """How a worker works.

    Attributes:
        max_concurrent_jobs: most jobs of one worker at once, over all hosts that answer.
        poll_interval_seconds: longest time between two looks at the store and the platforms;
            events wake the worker earlier.
        lease_seconds: how long a worker that stopped answering keeps its jobs.
        lost_grace_seconds: how long a platform may not know an execution before it counts as lost, or as never started.
        health_interval_seconds: time between two health checks of a host.
        reap_interval_seconds: time between two looks for executions nobody owns.
        calls_per_host: launches, and apart from them harvests, of one host at the same time.
        cleanup_enabled: whether executions are removed from their platform at all.
        immediate_cleanup: whether that happens as soon as the result is stored; otherwise with ``reap``.
    """

    max_concurrent_jobs: int = 10
    poll_interval_seconds: float = 5.0
    lease_seconds: float = 30.0
    lost_grace_seconds: float = 15.0
    health_interval_seconds: float = 30.0
    reap_interval_seconds: float = 60.0
    calls_per_host: int = 8
    cleanup_enabled: bool = True
    immediate_cleanup: bool = True

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            require_given(field.name, getattr(self, field.name))
        require_boolean("cleanup_enabled", self.cleanup_enabled)
        require_boolean("immediate_cleanup", self.immediate_cleanup)
        require_integer("max_concurrent_jobs", self.max_concurrent_jobs, 1, 1_000_000, "jobs")
        require_integer("calls_per_host", self.calls_per_host, 1, 256, "calls")
        require_number("poll_interval_seconds", self.poll_interval_seconds, 0.01, 3600, "seconds")
        require_number("lease_seconds", self.lease_seconds, 1, 86400, "seconds")
        require_number("lost_grace_seconds", self.lost_grace_seconds, 0, 86400, "seconds")
        require_number("health_interval_seconds", self.health_interval_seconds, 0.1, 86400, "seconds")
        require_number("reap_interval_seconds", self.reap_interval_seconds, 0.1, 86400, "seconds")


def _budgets(given: Iterable[Budget]) -> tuple[Budget, ...]:
    return frozen_sequence(given, "budgets")


@attrs.frozen(kw_only=True)
class Config:
    """All that can be configured.

    Attributes:
        store: ``memory:`` or ``sqlite:///path``.
        worker: how workers work.
        hosts: where jobs may run, by name.
        rules: which jobs are to go where.
        budgets: how much may be spent; every worker on a store needs the same.
        policy: what every job has to keep to.
        key_file: the key that seals secrets, unless CONTAINER_MANAGER_SECRET_KEY holds it.
        source: the file all this came from; None when nothing is configured.
    """

    store: str
    worker: WorkerSettings = attrs.field(factory=WorkerSettings)
    hosts: Mapping[str, Host] = attrs.field(factory=lambda: {DEFAULT_HOST: Host(name=DEFAULT_HOST, executor="docker")})
    rules: "tuple[Rule, ...]" = attrs.field(default=(), converter=frozen_sequence)
    budgets: tuple[Budget, ...] = attrs.field(default=(), converter=_budgets)
    policy: Policy = attrs.field(factory=Policy)
    key_file: Path = attrs.field(factory=lambda: data_folder() / "secret.key")
    source: Path | None = None

    def __attrs_post_init__(self) -> None:
        require_text("store", self.store)
        require_instance("worker", self.worker, WorkerSettings)
        require_instance("policy", self.policy, Policy)
        require_instance("key_file", self.key_file, Path)
        require_each("budgets", self.budgets, Budget)
        for name, host in frozen_mapping(self.hosts, "hosts").items():
            require_instance(f"hosts[{name!r}]", host, Host)

    @classmethod
    def load(cls, path: Path | None = None) -> "Config":
        """The configuration of a file, or the built-in one.

        Without a path: the file that CONTAINER_MANAGER_CONFIG names, else ``container-manager.toml``
        in the working directory, else in the user's configuration folder. Where there is none: a
        SQLite store in the user's data folder and the local Docker engine.

        Raises:
            ConfigurationError: names the file, the key and what was expected.
        """
        source = path or _find()
        return cls._read(source) if source else cls(store=embedded_store())

    @classmethod
    def _read(cls, source: Path) -> "Config":
        tables = _tables(source)
        from container_manager_core.structuring import structure

        settings = structure(tables, _File, str(source))
        hosts = {name: _host(name, table, f"{source}: hosts.{name}") for name, table in settings.hosts.items()}
        facts: dict[str, Any] = {"hosts": hosts} if "hosts" in tables else {}
        if settings.rules:
            from container_manager_core.rules.loading import rules_from

            facts["rules"] = rules_from(settings.rules, str(source))
        if settings.key_file is not None:
            facts["key_file"] = source.parent / settings.key_file
        return cls(
            store=_absolute(settings.store or embedded_store(), source.parent),
            worker=settings.worker,
            budgets=settings.budgets,
            policy=settings.policy,
            source=source,
            **facts,
        )


@attrs.frozen(kw_only=True)
class _File:
    store: str | None = None
    key_file: Path | None = None
    worker: WorkerSettings = attrs.field(factory=WorkerSettings)
    hosts: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    rules: list[dict[str, Any]] = attrs.field(factory=list)
    budgets: tuple[Budget, ...] = ()
    policy: Policy = attrs.field(factory=Policy)


def data_folder() -> Path:
    """The user's folder for data that programs keep."""
    from platformdirs import user_data_path

    return user_data_path("container-manager", appauthor=False)


def embedded_store() -> str:
    """The URL of the store that is used when none is configured."""
    return f"sqlite:///{data_folder() / 'jobs.sqlite3'}"


def _find() -> Path | None:
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    here = Path.cwd() / FILE_NAME
    if here.is_file():
        return here
    from platformdirs import user_config_path

    user = user_config_path("container-manager", appauthor=False) / FILE_NAME
    return user if user.is_file() else None


def _tables(source: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = f"create it, or unset {PATH_VARIABLE}" if os.environ.get(PATH_VARIABLE) else "check the path"
        raise ConfigurationError(str(source), f"the file cannot be read ({error.strerror})", remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(source), f"this is no valid TOML: {error}", "correct it there") from error


def _host(name: str, table: Mapping[str, Any], place: str) -> Host:
    from container_manager_core.structuring import structure

    if "name" in table:
        raise ConfigurationError(f"{place}.name", "the key 'name' is unknown", "a host's name is that of its table")
    return structure({**table, "name": name}, Host, place)


def _absolute(store: str, folder: Path) -> str:
    """The same URL, a relative path in it being relative to the file's folder."""
    scheme, separator, path = store.partition(":///")
    if scheme != "sqlite" or not separator or Path(path).is_absolute():
        return store
    return f"sqlite:///{folder.absolute() / path}"
