"""Which hosts a worker is restricted to."""

from collections.abc import Mapping, Sequence

from container_manager.manager import get_plugins
from container_manager_core.errors import NotFound
from container_manager_core.host import Host


def restriction(hosts: Mapping[str, Host], names: Sequence[str], executor: str | None) -> Sequence[str] | None:
    """The names of the hosts that are wanted; None where these are all there are.

    Args:
        hosts: as they are configured.
        names: only these; empty is all.
        executor: only those of this executor.

    Raises:
        NotFound: a host or an executor that does not exist, or no host that is both.
    """
    known = ", ".join(f"{host.name} ({host.executor})" for host in hosts.values())
    for name in names:
        if name not in hosts:
            raise NotFound("--host", f"no host is called {name!r}", f"configured are: {known}")
    if executor is not None:
        get_plugins().executor_type(executor, "--executor")
    wanted = [
        host.name for host in hosts.values() if (not names or host.name in names) and executor in (None, host.executor)
    ]
    if not wanted:
        raise NotFound("--executor", f"none of these hosts is of executor {executor!r}", f"configured are: {known}")
    return None if set(wanted) == set(hosts) else wanted
