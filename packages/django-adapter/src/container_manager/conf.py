"""The project's settings, typed: ``CONTAINER_MANAGER``, ``CONTAINER_EXECUTORS`` and the routing rules."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from django.conf import settings

from container_manager_core.config import WorkerSettings
from container_manager_core.costs.budget import Budget
from container_manager_core.errors import ConfigurationError
from container_manager_core.host import Host
from container_manager_core.policy import Policy
from container_manager_core.structuring import structure
from container_manager_core.validation import require_integer, require_number

if TYPE_CHECKING:
    from container_manager_core.rules.rule import Rule

_HOST_FIELDS = frozenset({"weight", "max_concurrent_jobs", "cost_per_hour", "cost_per_job", "labels", "active"})


@attrs.frozen(kw_only=True)
class ManagerSettings:
    """``settings.CONTAINER_MANAGER``; its keys are these names in capitals, and each may be left out.

    Attributes:
        auto_pull_images: whether missing images are pulled; False: on no Docker host but those whose own options
            say ``pull``.
        image_pull_timeout: longest time of an image pull in seconds, on Docker hosts whose own options do not say
            ``pull_timeout_seconds``.
        immediate_cleanup: whether what a job left on its platform is removed as soon as its result is stored.
        cleanup_enabled: whether it is removed at all.
        max_concurrent_jobs: most jobs of one worker at once.
        poll_interval: longest time between two looks at the database and the platforms, in seconds.
        lease_seconds: how long a worker that stopped answering keeps its jobs.
        lost_grace_seconds: how long a platform may not know an execution before it counts as lost, or as never started.
        health_interval_seconds: time between two health checks of a host.
        reap_interval_seconds: time between two looks for executions nobody owns.
        database: alias of the database that holds the jobs.
        monitoring_token: whoever shows it sees health in full and the metrics; empty: nobody does by a token.
        monitoring_public: whether everybody sees them.
        metrics_window_seconds: how far back the metrics of ended executions look.
        budgets: how much may be spent; each a dictionary of the core's `Budget`.
        policy: what every job has to keep to; a dictionary of the core's `Policy`.
    """

    auto_pull_images: bool = True
    image_pull_timeout: float = 300.0
    immediate_cleanup: bool = True
    cleanup_enabled: bool = True
    max_concurrent_jobs: int = 10
    poll_interval: float = 5.0
    lease_seconds: float = 30.0
    lost_grace_seconds: float = 15.0
    health_interval_seconds: float = 30.0
    reap_interval_seconds: float = 60.0
    database: str = "default"
    monitoring_token: str = attrs.field(default="", repr=False)
    monitoring_public: bool = False
    metrics_window_seconds: float = 3600.0
    budgets: tuple[Budget, ...] = ()
    policy: Policy = attrs.field(factory=Policy)

    def __attrs_post_init__(self) -> None:
        require_integer("MAX_CONCURRENT_JOBS", self.max_concurrent_jobs, 1, 1_000_000, "jobs")
        require_number("POLL_INTERVAL", self.poll_interval, 0.01, 3600, "seconds")
        require_number("IMAGE_PULL_TIMEOUT", self.image_pull_timeout, 0.1, 86400, "seconds")
        require_number("METRICS_WINDOW_SECONDS", self.metrics_window_seconds, 1, 31 * 86400, "seconds")
        if self.database not in settings.DATABASES:
            known = ", ".join(sorted(settings.DATABASES))
            raise ConfigurationError("DATABASE", f"{self.database!r} is no database", f"known are: {known}")
        self.worker()

    def worker(self) -> WorkerSettings:
        """The same for the core."""
        return WorkerSettings(
            max_concurrent_jobs=self.max_concurrent_jobs,
            poll_interval_seconds=self.poll_interval,
            lease_seconds=self.lease_seconds,
            lost_grace_seconds=self.lost_grace_seconds,
            health_interval_seconds=self.health_interval_seconds,
            reap_interval_seconds=self.reap_interval_seconds,
            cleanup_enabled=self.cleanup_enabled,
            immediate_cleanup=self.immediate_cleanup,
        )


@attrs.frozen(kw_only=True)
class ExecutorSettings:
    """One entry of ``settings.CONTAINER_EXECUTORS``.

    Attributes:
        name: the executor's name, or any name with ``executor_class``.
        executor_class: dotted path of an `ExecutorType`; found by entry point when left out.
        enabled: whether its hosts take jobs.
        default: whether its first host runs the jobs that name none, without routing; of one executor at most.
        hosts: its hosts, by name: each the core's facts of a host and the executor's own options.
        options: the executor's own options for all its hosts.
    """

    name: str
    executor_class: str | None = None
    enabled: bool = True
    default: bool = False
    hosts: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    options: Mapping[str, Any] = attrs.field(factory=dict)


def manager_settings() -> ManagerSettings:
    """``settings.CONTAINER_MANAGER``. Raises `ConfigurationError` with the key."""
    given = getattr(settings, "CONTAINER_MANAGER", {})
    place = "CONTAINER_MANAGER"
    if not isinstance(given, Mapping):
        raise ConfigurationError(place, f"{given!r} is no dictionary", "write one")
    known = {field.name.upper() for field in attrs.fields(ManagerSettings)}
    for key in given:
        if key not in known:
            raise ConfigurationError(
                f"{place}[{key!r}]", f"the key {key!r} is unknown", f"known are: {', '.join(sorted(known))}"
            )
    return structure({key.lower(): value for key, value in given.items()}, ManagerSettings, place)


def executor_settings() -> Sequence[ExecutorSettings]:
    """``settings.CONTAINER_EXECUTORS``. Raises `ConfigurationError` with the key."""
    given = getattr(settings, "CONTAINER_EXECUTORS", {})
    if not isinstance(given, Mapping):
        raise ConfigurationError("CONTAINER_EXECUTORS", f"{given!r} is no dictionary", "write one")
    found = [_executor(name, entry, f"CONTAINER_EXECUTORS[{name!r}]") for name, entry in given.items()]
    defaults = [entry.name for entry in found if entry.default]
    if len(defaults) > 1:
        names = " and ".join(map(repr, defaults))
        raise ConfigurationError("CONTAINER_EXECUTORS", f"{names} are both the default", "keep 'default' on one")
    return found


def _executor(name: str, entry: Any, place: str) -> ExecutorSettings:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(place, f"{entry!r} is no dictionary", "write one")
    facts = dict(entry)
    own = {
        "executor_class": facts.pop("class", None),
        "enabled": facts.pop("enabled", True),
        "default": facts.pop("default", False),
        "hosts": _host_tables(name, facts.pop("hosts", None), f"{place}['hosts']"),
    }
    given = {"name": name, **{key: value for key, value in own.items() if value is not None}, "options": facts}
    return structure(given, ExecutorSettings, place)


def _host_tables(name: str, hosts: Any, place: str) -> dict[str, Any]:
    """By name; a list of names is short for hosts without options, and none at all for one host of that name."""
    if hosts is None:
        return {name: {}}
    if isinstance(hosts, list | tuple) and all(isinstance(host, str) for host in hosts):
        return {host: {} for host in hosts}
    if isinstance(hosts, Mapping):
        return dict(hosts)
    raise ConfigurationError(place, f"{hosts!r} holds no hosts", "write a list of names, or a dictionary by name")


def executor_hosts() -> Sequence[Host]:
    """Every host in the settings. Raises `ConfigurationError` with the key."""
    return [
        _host(entry, name, table, f"CONTAINER_EXECUTORS[{entry.name!r}]['hosts'][{name!r}]")
        for entry in executor_settings()
        for name, table in entry.hosts.items()
    ]


def _host(entry: ExecutorSettings, name: str, table: Mapping[str, Any], place: str) -> Host:
    facts = {key: value for key, value in {**entry.options, **table}.items() if key in _HOST_FIELDS}
    config = {key: value for key, value in {**entry.options, **table}.items() if key not in _HOST_FIELDS}
    if not entry.enabled:
        facts["active"] = False
    return structure({"name": name, "executor": entry.name, "config": config, **facts}, Host, place)


def default_host_name() -> str | None:
    """The host of the executor that the settings call the default."""
    for entry in executor_settings():
        if entry.default and entry.enabled:
            return next(iter(entry.hosts), None)
    return None


def uses_routing() -> bool:
    """``settings.USE_EXECUTOR_FACTORY``: whether routing decides where jobs run that name no host.

    Raises `ConfigurationError` for anything but True and False.
    """
    given = getattr(settings, "USE_EXECUTOR_FACTORY", False)
    if not isinstance(given, bool):
        raise ConfigurationError("USE_EXECUTOR_FACTORY", f"{given!r} is neither True nor False", "write True or False")
    return given


def routing_rules() -> Sequence["Rule"]:
    """``settings.EXECUTOR_ROUTING_RULES``, in their order.

    Raises `ConfigurationError` with the rule's number and, in a condition, the column.
    """
    given = getattr(settings, "EXECUTOR_ROUTING_RULES", ())
    if not isinstance(given, list | tuple):
        raise ConfigurationError("EXECUTOR_ROUTING_RULES", f"{given!r} is no list", "write a list of dictionaries")
    if not given:
        return ()
    from container_manager_core.rules.loading import rules_from

    return rules_from(given, "EXECUTOR_ROUTING_RULES")
