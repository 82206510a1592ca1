"""``hosts`` and ``executors``."""

import sys
from typing import Annotated

import typer

from container_manager_core.cli.context import AsJson, open_manager, print_json


def hosts(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Ask each host whether it can be used.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the configured hosts and how many jobs are on them."""
    from container_manager_core.cli import tables
    from container_manager_core.doctor import check_hosts
    from container_manager_core.facts import host_facts

    with open_manager(context) as manager:
        live = manager.store.live_by_host()
        healths = check_hosts(manager.hosts, manager.check_host) if check else {}
        facts = [host_facts(host, live.get(name, 0), healths.get(name)) for name, host in manager.hosts.items()]
    if as_json:
        print_json(facts)
    else:
        tables.print_hosts(facts)


def executors(as_json: AsJson = False) -> None:
    """List the kinds of platform that the installed plugins can talk to."""
    from container_manager_core.cli.errors import PROGRAM
    from container_manager_core.facts import executor_facts
    from container_manager_core.plugins import Plugins

    plugins = Plugins.load()
    facts = [executor_facts(plugins.executor_types[name]) for name in sorted(plugins.executor_types)]
    if as_json:
        print_json(facts)
    else:
        _print_executors(facts)
    for problem in plugins.problems:
        print(f"{PROGRAM}: warning: {problem}", file=sys.stderr)


def _print_executors(facts: list[dict[str, object]]) -> None:
    """In plain text: a table of rich's would take longer than everything else together."""
    from textwrap import wrap

    for fact in facts:
        capabilities = ", ".join(map(str, fact["capabilities"])) or "none"  # type: ignore[call-overload]
        print(f"{fact['name']}  {fact['title']} ({fact['distribution']})")
        for line in wrap(f"capabilities: {capabilities}", width=78, break_on_hyphens=False):
            print(f"  {line}")
