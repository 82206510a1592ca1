"""Which rules lead nowhere as the hosts are configured."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from container_manager_core.executor import ExecutorType
from container_manager_core.host import Host
from container_manager_core.routing.selector import Selector
from container_manager_core.rules import Rule

_NAMED = 20


def without_host(
    rules: Iterable[Rule], hosts: Collection[Host], executor_types: Mapping[str, ExecutorType]
) -> Iterator[tuple[int, Rule]]:
    """The rules that mean none of these hosts, each with its number in the order of writing, from 1.

    Args:
        hosts: all that are configured, inactive ones too.
        executor_types: by name.
    """
    for number, rule in enumerate(rules, start=1):
        meant = Selector().narrowed(rule)
        if meant is None or all(meant.why_not(host, executor_types.get(host.executor)) for host in hosts):
            yield number, rule


def hosts_in_words(hosts: Collection[Host]) -> str:
    """Names and executors, the first few of many."""
    named = [f"{host.name} ({host.executor})" for host in hosts][:_NAMED]
    more = [f"{len(hosts) - _NAMED} more"] if len(hosts) > _NAMED else []
    return ", ".join(named + more) or "none"
