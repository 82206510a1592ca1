"""What is installed: the executors that plugins bring."""

from collections.abc import Mapping, Sequence
from typing import Any

from container_manager_core.cli.printing import complain, print_json
from container_manager_core.executor_type import ExecutorType
from container_manager_core.plugins import Plugins


def print_executors(as_json: bool) -> None:
    """Print every executor type; a plugin that cannot be used is named on stderr."""
    plugins = Plugins.load()
    facts = [_facts(plugins.executor_types[name]) for name in sorted(plugins.executor_types)]
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    for problem in plugins.problems:
        complain(str(problem), "warning")


def _facts(executor_type: ExecutorType) -> Mapping[str, Any]:
    return {
        "name": executor_type.name,
        "title": executor_type.title,
        "distribution": executor_type.distribution,
        "automatic": executor_type.automatic,
        "capabilities": sorted(capability.value for capability in executor_type.capabilities),
    }


def _print(facts: Sequence[Mapping[str, Any]]) -> None:
    """In plain text: a table of rich's would take longer than everything else together."""
    from textwrap import wrap

    for fact in facts:
        print(f"{fact['name']}  {fact['title']} ({fact['distribution']})")
        words = f"capabilities: {', '.join(fact['capabilities']) or 'none'}"
        for line in wrap(words, width=78, break_on_hyphens=False):
            print(f"  {line}")
