"""What is wrong with an installation, and what to do about it."""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from container_manager_core.errors import ContainerManagerError, ExecutorError, PluginError
from container_manager_core.executor import Health
from container_manager_core.plugins import Plugins

if TYPE_CHECKING:
    from container_manager_core.config import Config
    from container_manager_core.manager import ContainerManager
    from container_manager_core.store.protocol import JobStore

HEALTH_TIMEOUT_SECONDS = 10.0


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what, for example ``store`` or ``host local``.
        ok: whether it can be used.
        message: what was found.
        remedy: what to do when it is not ok, or about the warning.
        warning: whether it can be used, and is probably not what is meant.
    """

    subject: str
    ok: bool
    message: str = ""
    remedy: str = ""
    warning: bool = False


def diagnose(manager: "ContainerManager", timeout_seconds: float = HEALTH_TIMEOUT_SECONDS) -> list[Finding]:
    """Look at the configuration, the store, every plugin and every host.

    Hosts are asked at the same time: one that does not answer delays the others by nothing, and
    the whole by ``timeout_seconds``. Starts nothing anywhere.
    """
    return [
        _configuration(manager.config),
        _store(manager.store),
        *diagnose_plugins(manager.plugins),
        *_hosts(manager, timeout_seconds),
        *_rules(manager),
        *_budgets(manager),
    ]


def diagnose_plugins(plugins: Plugins) -> list[Finding]:
    """The executors that there are, and each distribution whose plugin cannot be used."""
    names = sorted(plugins.executor_types)
    found = [
        Finding(
            subject=f"executor {name}",
            ok=True,
            message=f"{plugins.executor_types[name].title}, from {plugins.executor_types[name].distribution}",
        )
        for name in names
    ]
    return found + [_broken(problem) for problem in plugins.problems]


def check_hosts(
    names: Iterable[str],
    check: Callable[[str], Health],
    timeout_seconds: float = HEALTH_TIMEOUT_SECONDS,
) -> Mapping[str, Health]:
    """The health of each host, all asked at the same time.

    Args:
        check: asks one host; may block and may raise `ContainerManagerError`.
        timeout_seconds: one that takes longer is not ok; nobody waits for it any more.
    """
    wanted = list(names)
    answers: queue.SimpleQueue[tuple[str, Health]] = queue.SimpleQueue()
    for name in wanted:
        # Daemon threads: a call that hangs must not hold up the end of the process.
        threading.Thread(target=lambda name=name: answers.put((name, _asked(name, check))), daemon=True).start()
    healths: dict[str, Health] = {}
    deadline = time.monotonic() + timeout_seconds
    while len(healths) < len(wanted):
        try:
            name, health = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        healths[name] = health
    late = Health(
        ok=False,
        latency_seconds=timeout_seconds,
        message=f"no answer within {timeout_seconds:g} s",
        hint="check its address, and that its platform is up",
    )
    return {name: healths.get(name, late) for name in wanted}


def _asked(name: str, check: Callable[[str], Health]) -> Health:
    began = time.monotonic()
    try:
        return check(name)
    except ExecutorError as error:
        return Health(ok=False, latency_seconds=time.monotonic() - began, message=error.message, hint=error.hint)
    except ContainerManagerError as error:
        return Health(ok=False, latency_seconds=time.monotonic() - began, message=str(error))
    except Exception as error:  # an executor is a stranger's code: what it raises must not hide the other hosts
        return Health(
            ok=False,
            latency_seconds=time.monotonic() - began,
            message=f"its executor raised {error!r}",
            hint="report this to whoever publishes the executor",
        )


def _configuration(config: "Config") -> Finding:
    if config.source is None:
        message = "no file found; the built-in defaults hold: the local Docker engine and a SQLite store"
    else:
        message = str(config.source)
    return Finding(subject="configuration", ok=True, message=message)


def _store(store: "JobStore") -> Finding:
    worker = f"doctor-{uuid.uuid4()}"
    try:
        store.installation_id()
        store.heartbeat(worker, 1.0)
        store.release(worker)
    except ContainerManagerError as error:
        remedy = getattr(error, "remedy", "") or "check that it exists and that this user may write there"
        return Finding(subject="store", ok=False, message=getattr(error, "problem", str(error)), remedy=remedy)
    return Finding(subject="store", ok=True, message=f"{store.url} opens and writes")


def _broken(problem: PluginError) -> Finding:
    return Finding(
        subject=f"plugin {problem.distribution}",
        ok=False,
        message=problem.problem,
        remedy=f"run: pip install --upgrade {problem.distribution}, or uninstall it",
    )


def _hosts(manager: "ContainerManager", timeout_seconds: float) -> Sequence[Finding]:
    if not manager.hosts:
        return [Finding(subject="hosts", ok=False, message="no host is configured", remedy="add a [hosts.NAME] table")]
    healths = check_hosts(manager.hosts, manager.check_host, timeout_seconds)
    return [
        Finding(
            subject=f"host {name}",
            ok=health.ok,
            message=_health_words(manager.hosts[name].executor, health),
            remedy="" if health.ok else health.hint,
        )
        for name, health in healths.items()
    ]


def _rules(manager: "ContainerManager") -> Iterator[Finding]:
    """The rules that no configured host is meant by; the jobs of a required one would never run."""
    from container_manager_core.routing.reach import hosts_in_words, without_host

    hosts = list(manager.hosts.values())
    for number, rule in without_host(manager.config.rules, hosts, manager.plugins.executor_types):
        yield Finding(
            subject=f"rule {number} ({rule.reason})" if rule.reason else f"rule {number}",
            ok=not rule.required,
            message=f"it {'requires' if rule.required else 'names'} {rule.target}, and no configured host is such",
            remedy=f"correct the rule, or configure the host; configured are: {hosts_in_words(hosts)}",
            warning=not rule.required,
        )


def _budgets(manager: "ContainerManager") -> Iterator[Finding]:
    from container_manager_core.costs.budget import EACH

    for budget in manager.config.budgets:
        if budget.host not in (None, EACH) and budget.host not in manager.hosts:
            yield Finding(
                subject=str(budget),
                ok=True,
                message=f"no host is called {budget.host!r}, so it limits nothing",
                remedy=f"correct it; configured are: {', '.join(sorted(manager.hosts)) or 'none'}",
                warning=True,
            )


def _health_words(executor: str, health: Health) -> str:
    if not health.ok:
        return health.message or "it cannot be used"
    what = health.message or executor
    return f"{what} ({health.latency_seconds * 1000:.0f} ms)"
