"""``hosts`` and ``executors``."""

from typing import Annotated

import typer

from container_manager_core.cli.context import AsJson, open_manager
from container_manager_core.cli.printing import print_json


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
    from container_manager_core.cli.installed import print_executors

    print_executors(as_json)
