"""Hosts: from a row, and from settings, to the core's value."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
from django.db import connections

from container_manager_core.errors import InvalidInput
from container_manager_core.host import Host
from container_manager_core.log import get_logger
from container_manager_core.spec import PullPolicy

if TYPE_CHECKING:
    from container_manager.models import ExecutorHost

_log = get_logger()

DOCKER = "docker"
BUILT_IN = "local"
"""The host that is there while none is configured: this machine's Docker engine."""

_READ = (
    *("name", "executor_type", "executor_config", "labels", "weight", "max_concurrent_jobs", "cost_per_hour"),
    *("cost_per_job", "is_active", "connection_string", "tls_enabled", "tls_verify", "auto_pull_images"),
)
"""The fields that a host is made of."""


def host_of(row: "ExecutorHost") -> Host:
    """The core's host of a row. Raises `InvalidInput`."""
    if not isinstance(row.executor_config, Mapping):
        raise InvalidInput("executor_config", f"{row.executor_config!r} is no table", "write a JSON object")
    if not isinstance(row.labels, Mapping):
        raise InvalidInput("labels", f"{row.labels!r} is no table", "write a JSON object")
    config: Any = _docker_config(row) if row.executor_type == DOCKER else row.executor_config
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
    return {**pulling(), **config, **row.executor_config}


def pulling() -> dict[str, Any]:
    """The options of Docker hosts that the project's settings give: how images are pulled."""
    from container_manager.conf import manager_settings

    given = manager_settings()
    options: dict[str, Any] = {"pull_timeout_seconds": given.image_pull_timeout}
    if not given.auto_pull_images:
        options["pull"] = PullPolicy.NEVER.value
    return options


def _with_pulling(host: Host) -> Host:
    """A host that the settings name, or the built-in one."""
    if host.executor != DOCKER:
        return host
    config: Any = {**pulling(), **host.config}
    return attrs.evolve(host, config=config)


def typed_options(host: Host, place: str = "executor_config") -> Any:
    """The executor's own options of a host, checked. Raises `InvalidInput` for any that it does not take."""
    from container_manager.manager import get_plugins
    from container_manager_core.structuring import structure

    executor_type = get_plugins().executor_type(host.executor, "executor")
    return structure(host.config, executor_type.options, place)


def configured_hosts() -> dict[str, Host]:
    """The hosts as they are now: those that somebody configured, else the built-in one."""
    return named_hosts() or {BUILT_IN: _with_pulling(Host(name=BUILT_IN, executor=DOCKER))}


def named_hosts() -> dict[str, Host]:
    """The hosts that somebody configured: those in settings, and rows, which replace those of the same name.

    A row that cannot be used, as somebody wrote it past the form, is left out and logged: the others go on.
    """
    from container_manager.conf import executor_hosts

    hosts = {host.name: _with_pulling(host) for host in executor_hosts()}
    for row in _rows():
        try:
            hosts[row.name] = host_of(row)
        except InvalidInput as error:
            _log.error("host.unusable", host=row.name, error=str(error))
    return hosts


def _rows() -> "Iterator[ExecutorHost]":
    """All rows, with what a host is made of.

    Every submission that names a host asks for them. The query is compiled once: compiling takes longer than reading.
    """
    from container_manager.models import ExecutorHost

    alias = ExecutorHost.objects.all().db
    statement, given, names, compiler, converters = _query(alias)
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, given)
        found = cursor.fetchall()
    for row in compiler.apply_converters(found, converters):
        yield ExecutorHost.from_db(alias, names, row)


@cache
def _query(alias: str) -> tuple[str, tuple[Any, ...], Sequence[str], Any, Any]:
    """The statement for all rows on a database with its parameters, the fields, and what makes their values."""
    from container_manager.models import ExecutorHost

    compiler = ExecutorHost.objects.only(*_READ).query.get_compiler(alias)
    statement, given = compiler.as_sql()
    columns = [column for column, *_ in compiler.select]
    names = [column.target.attname for column in columns]
    return statement, tuple(given), names, compiler, compiler.get_converters(columns)


def default_host(hosts: Mapping[str, Host]) -> str | None:
    """The host of jobs that name none, without routing: the settings' own, else the first active one, if any."""
    from container_manager.conf import default_host_name

    return default_host_name() or next((host.name for host in hosts.values() if host.active), None)
