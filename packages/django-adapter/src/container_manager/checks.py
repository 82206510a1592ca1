"""System checks: what the project's settings and hosts have wrong.

Errors, each with a hint where there is a remedy:

- E001 ``CONTAINER_MANAGER``
- E002 ``CONTAINER_EXECUTORS``
- E003 ``EXECUTOR_ROUTING_RULES``
- E004 ``USE_EXECUTOR_FACTORY``
- E005 an executor in the settings that nothing brings, or options that it does not take
- E006 a routing rule's executor that nothing brings
- E007 the models are not sent to the database that ``CONTAINER_MANAGER`` names
- E008 a host in the database whose executor is not installed (with ``--database``)
- E009 a host in the database whose options its executor does not take (with ``--database``)
- E010 a database that cannot hold every character (with ``--database``)

and warnings:

- W001 a plugin that cannot be used
- W002 a routing rule that no configured host is meant by (with ``--database``)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections, router

from container_manager import conf
from container_manager_core.errors import ConfigurationError, InvalidInput


@register
def check_settings(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """What is wrong with the settings themselves."""
    readers: tuple[tuple[str, Callable[[], object]], ...] = (
        ("E001", conf.manager_settings),
        ("E002", conf.executor_settings),
        ("E003", conf.routing_rules),
        ("E004", conf.uses_routing),
    )
    return [error for number, read in readers for error in _tried(number, read)]


@register
def check_executors(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """What is wrong with what they name: executors, hosts, the database."""
    if any(check_settings(None)):
        return []
    return [*_plugin_problems(), *_host_problems(), *_rule_problems(), *_database_problems()]


@register(Tags.database)
def check_hosts(app_configs: Any, databases: Iterable[str] | None = None, **options: Any) -> list[CheckMessage]:
    """What is wrong with the hosts in the database."""
    if any(check_settings(None)) or conf.manager_settings().database not in (databases or ()):
        return []
    rows = _rows()
    if rows is None:
        return []
    return [*(error for host in rows for error in _row_problems(host)), *_rules_without_host()]


@register(Tags.database)
def check_characters(app_configs: Any, databases: Iterable[str] | None = None, **options: Any) -> list[CheckMessage]:
    """What is wrong with the jobs' database on MySQL and MariaDB; before its tables are made."""
    if any(check_settings(None)) or conf.manager_settings().database not in (databases or ()):
        return []
    connection: Any = connections[conf.manager_settings().database]
    if connection.vendor != "mysql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT database(), @@character_set_database")
        name, characters = cursor.fetchone()
    if characters == "utf8mb4":
        return []
    return [
        Error(
            f"The database {name!r} has the character set {characters!r}, which lacks many characters of jobs' output.",
            hint=f"Before 'manage.py migrate', run in it: ALTER DATABASE `{name}` CHARACTER SET utf8mb4.",
            id="container_manager.E010",
        )
    ]


def _tried(number: str, read: Callable[[], object], obj: Any = None) -> list[CheckMessage]:
    try:
        read()
    except InvalidInput as error:
        return [_error(number, error, obj)]
    return []


def _error(number: str, error: InvalidInput, obj: Any = None) -> CheckMessage:
    said = f"{error.place}: {error.problem}." if error.place else f"{error.problem}."
    hint = error.remedy[:1].upper() + error.remedy[1:] if error.remedy else None
    return Error(said, hint=f"{hint}." if hint else None, obj=obj, id=f"container_manager.{number}")


def _plugin_problems() -> Iterator[CheckMessage]:
    from container_manager.manager import get_plugins

    for problem in get_plugins().problems:
        if problem.distribution.startswith("CONTAINER_EXECUTORS"):
            yield _error("E002", ConfigurationError(f"{problem.distribution}['class']", problem.problem))
        else:
            yield Warning(f"{problem}.", id="container_manager.W001")


def _host_problems() -> Iterator[CheckMessage]:
    from container_manager.conversion.hosts import typed_options
    from container_manager.manager import get_plugins

    entries = [entry for entry in conf.executor_settings() if not _is_broken(entry.name)]
    for entry in entries:
        place = f"CONTAINER_EXECUTORS[{entry.name!r}]"
        yield from _tried("E005", partial(get_plugins().executor_type, entry.name, place))
    known = {entry.name for entry in entries} & set(get_plugins().executor_types)
    yield from _tried("E005", conf.executor_hosts)
    try:
        hosts = [host for host in conf.executor_hosts() if host.executor in known]
    except InvalidInput:
        return
    for host in hosts:
        place = f"CONTAINER_EXECUTORS[{host.executor!r}]['hosts'][{host.name!r}]"
        yield from _tried("E005", partial(typed_options, host, place))


def _is_broken(name: str) -> bool:
    """Whether its class was complained of already."""
    from container_manager.manager import get_plugins

    return any(problem.distribution == f"CONTAINER_EXECUTORS[{name!r}]" for problem in get_plugins().problems)


def _rule_problems() -> Iterator[CheckMessage]:
    from container_manager.manager import get_plugins

    for number, rule in enumerate(conf.routing_rules(), start=1):
        place = f"EXECUTOR_ROUTING_RULES: rule {number}.executor"
        if rule.executor is not None:
            yield from _tried("E006", partial(get_plugins().executor_type, rule.executor, place))


def _database_problems() -> Iterator[CheckMessage]:
    from container_manager.models import ContainerJob

    wanted, given = conf.manager_settings().database, router.db_for_write(ContainerJob)
    if wanted != given:
        yield Error(
            f"CONTAINER_MANAGER['DATABASE'] is {wanted!r}, but the models are written to {given!r}.",
            hint='Add "container_manager.router.JobsRouter" to DATABASE_ROUTERS.',
            id="container_manager.E007",
        )


def _rows() -> Sequence[Any] | None:
    """The hosts' rows; None before the tables are there."""
    from container_manager.models import ExecutorHost

    alias = conf.manager_settings().database
    try:
        if ExecutorHost._meta.db_table not in connections[alias].introspection.table_names():
            return None
        return list(ExecutorHost.objects.using(alias))
    except DatabaseError:
        return None  # its columns are those of another version: migrations come first


def _rules_without_host() -> Iterator[CheckMessage]:
    from container_manager.conversion.hosts import configured_hosts
    from container_manager.manager import get_plugins
    from container_manager_core.routing.reach import hosts_in_words, without_host

    rules = conf.routing_rules() if conf.uses_routing() and not any(_database_problems()) else ()
    try:
        hosts = list(configured_hosts().values()) if rules else []
    except InvalidInput:
        return  # the settings of hosts are complained of already
    for number, rule in without_host(rules, hosts, get_plugins().executor_types):
        yield Warning(
            f"EXECUTOR_ROUTING_RULES: rule {number} names {rule.target}, and no configured host is such.",
            hint=f"Correct the rule, or configure the host; configured are: {hosts_in_words(hosts)}.",
            id="container_manager.W002",
        )


def _row_problems(row: Any) -> list[CheckMessage]:
    from container_manager.conversion.hosts import host_of, typed_options
    from container_manager.manager import get_plugins

    if row.executor_type not in get_plugins().executor_types:
        return _tried("E008", lambda: get_plugins().executor_type(row.executor_type, "executor_type"), row)
    return _tried("E009", lambda: typed_options(host_of(row)), row)
