"""The hosts at run time: their executors, made when first needed, and how healthy they are."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from container_manager_core.clock import Clock
from container_manager_core.costs.estimate import FREE, Price, price
from container_manager_core.errors import (
    CapacityError,
    ContainerManagerError,
    ExecutorError,
    InvalidInput,
    NotFound,
    TransientError,
)
from container_manager_core.executor import ContainerExecutor, ExecutorContext, ExecutorType, Health
from container_manager_core.host import Host
from container_manager_core.log import get_logger
from container_manager_core.plugins import Plugins
from container_manager_core.spec import ContainerSpec

_log = get_logger()

HostSource = Callable[[], Mapping[str, Host]]
"""Gives the hosts as they are configured now, by name."""

OnChecked = Callable[[str, Health], None]
"""Takes a host's name and how it is, after each check; called from any thread."""

FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 30.0


@attrs.frozen(kw_only=True)
class HostState:
    """How a host is doing, as this process has seen it: a circuit breaker.

    A host that failed is left alone until a check succeeds; the first check comes after a second, each
    further one after twice the time, up to half a minute.

    Attributes:
        failures: failed checks in a row, and the failed call before them.
        check_at: monotonic time of the next check, while there are failures.
        problem: what the latest failure said.
    """

    failures: int = 0
    check_at: float = 0.0
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether jobs may be sent there."""
        return self.failures == 0


class Fleet:
    """The configured hosts. Safe for several threads.

    Args:
        hosts: by name; or gives them, where they may change while a worker runs.
        plugins: bring the executor types.
        installation_id: put on everything that is started.
        clock: where the time comes from.
        on_checked: told of every check.

    Attributes:
        hosts: by name, as of the last `refresh`. Replaced as a whole, never changed.
    """

    def __init__(
        self,
        hosts: Mapping[str, Host] | HostSource,
        plugins: Plugins,
        installation_id: str,
        clock: Clock,
        on_checked: OnChecked | None = None,
    ) -> None:
        self._source: HostSource = hosts if callable(hosts) else lambda: hosts
        self.hosts: Mapping[str, Host] = self._source()
        self.plugins = plugins
        self._installation_id = installation_id
        self._clock = clock
        self._on_checked = on_checked
        self._executors: dict[str, ContainerExecutor] = {}
        self._replaced: list[ContainerExecutor] = []
        self._states: dict[str, HostState] = {}
        self._checked_at: dict[str, float] = {}
        self._refreshed_at = float("-inf")
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    def refresh(self, age_seconds: float = 0.0) -> None:
        """Take over what was configured anew.

        A host whose options changed gets another executor, and counts as not checked yet; the former executor is
        still used by who holds it.

        Args:
            age_seconds: do nothing when the last time was not longer ago.
        """
        now = self._clock.monotonic()
        if now - self._refreshed_at < age_seconds:
            return
        self._refreshed_at = now
        before, hosts = self.hosts, self._source()
        if hosts == before:
            return
        self.hosts = hosts
        for name in before:
            if not _reached_alike(before[name], hosts.get(name)):
                self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._states.pop(name, None)
            self._checked_at.pop(name, None)
            replaced = self._executors.pop(name, None)
        if replaced is not None:
            self._replaced.append(replaced)

    def host(self, name: str) -> Host:
        """The host of that name. Raises `NotFound`."""
        try:
            return self.hosts[name]
        except KeyError:
            known = ", ".join(sorted(self.hosts)) or "none"
            raise NotFound("host", f"no host is called {name!r}", f"configured are: {known}") from None

    def executor(self, name: str) -> ContainerExecutor:
        """The host's executor; the first call makes it and imports its platform's SDK.

        Raises:
            NotFound: no such host, or nothing installed brings its executor.
            ConfigurationError: its options cannot be used.
        """
        made = self._executors.get(name)
        if made is not None:
            return made
        host = self.host(name)
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            made = self._executors.get(name)
            if made is None:
                made = self._make(host)
                self._executors[name] = made
            return made

    def price(self, name: str, spec: ContainerSpec) -> Price:
        """What a spec costs on the host; nothing where its price list cannot be asked, which is logged."""
        host = self.host(name)
        executor_type = self.plugins.executor_types.get(host.executor)
        if executor_type is None or executor_type.price is None or host.cost_per_hour:
            return FREE if not (host.cost_per_hour or host.cost_per_job) else _own_price(host)
        try:
            return price(host, executor_type, _options(host, executor_type), spec)
        except InvalidInput as error:
            _log.warning("host.price_unknown", host=name, error=str(error))
            return _own_price(host)

    def _make(self, host: Host) -> ContainerExecutor:
        executor_type = self.plugins.executor_type(host.executor, f"hosts.{host.name}.executor")
        options = _options(host, executor_type)
        context = ExecutorContext(host=host.name, installation_id=self._installation_id, clock=self._clock)
        try:
            return executor_type.factory(options, context)
        except ImportError as error:
            raise NotFound(
                f"hosts.{host.name}.executor",
                f"the executor {host.executor!r} cannot be imported ({error})",
                f"reinstall {executor_type.distribution}",
            ) from error

    def made(self) -> Iterator[tuple[str, ContainerExecutor]]:
        """The executors that exist already, by host."""
        yield from list(self._executors.items())

    def state(self, name: str) -> HostState:
        """How the host is doing."""
        with self._lock:
            return self._states.get(name, HostState())

    def failing(self) -> Mapping[str, str]:
        """The hosts that are left alone, each with what its latest failure said."""
        with self._lock:
            return {name: state.problem for name, state in self._states.items()}

    def checks_due(self, interval_seconds: float | None = None) -> list[str]:
        """Hosts that are to be asked now how they are.

        These are the ones that failed, each after its rest; and, with an interval, the active ones that
        were not checked for so long.
        """
        now = self._clock.monotonic()
        with self._lock:
            failed = {name: state.check_at for name, state in self._states.items()}
            checked = dict(self._checked_at)
        return [
            name
            for name, host in self.hosts.items()
            if failed.get(name, float("inf")) <= now
            or (
                interval_seconds is not None
                and host.active
                and name not in failed
                and checked.get(name, float("-inf")) <= now - interval_seconds
            )
        ]

    def note_success(self, name: str) -> None:
        """A call was answered."""
        with self._lock:
            self._states.pop(name, None)

    def note_failure(self, name: str, problem: str) -> HostState:
        """A call was not answered: the host is left alone until a check succeeds.

        Once a host counts as failed, further calls do not put its next check off: a host with many jobs
        would otherwise be asked again half a minute after it is back.
        """
        return self._note_failure(name, problem, checked=False)

    def _note_failure(self, name: str, problem: str, *, checked: bool) -> HostState:
        with self._lock:
            before = self._states.get(name, HostState())
            if before.failures and not checked:
                state = attrs.evolve(before, problem=problem)
            else:
                rest = min(FIRST_REST_SECONDS * 2 ** min(before.failures, 16), LONGEST_REST_SECONDS)
                check_at = self._clock.monotonic() + rest
                state = HostState(failures=before.failures + 1, check_at=check_at, problem=problem)
            self._states[name] = state
            return state

    def check(self, name: str) -> Health:
        """Ask the host how it is, and remember the answer. Never raises for a host that is not usable."""
        with self._lock:
            self._checked_at[name] = self._clock.monotonic()
        try:
            health = self.executor(name).check_health()
        except (InvalidInput, ExecutorError) as error:
            health = Health(ok=False, message=str(error))
        if health.ok:
            self.note_success(name)
        else:
            problem = f"{health.message}; {health.hint}" if health.hint else health.message
            self._note_failure(name, problem, checked=True)
        if self._on_checked is not None:
            self._on_checked(name, health)
        return health

    def why_not(self, name: str, spec: ContainerSpec) -> str | None:
        """Why the host cannot run a spec at all, or None when it can.

        Raises:
            TransientError, CapacityError: the host cannot tell now.
        """
        try:
            plan = self.executor(name).plan(spec)
        except (TransientError, CapacityError):
            raise
        except ContainerManagerError as error:
            return str(error)
        if plan.can_run:
            return None
        first = plan.problems[0]
        return f"{first.place}: {first.message}" + (f"; {first.remedy}" if first.remedy else "")

    def close(self) -> None:
        """Give back every executor's connections."""
        for executor in [*self._replaced, *self._executors.values()]:
            executor.close()
        self._replaced.clear()
        self._executors.clear()


def _options(host: Host, executor_type: ExecutorType) -> Any:
    from container_manager_core.structuring import structure

    return structure(host.config, executor_type.options, f"hosts.{host.name}.config")


def _own_price(host: Host) -> Price:
    return Price(per_job=host.cost_per_job, per_hour=host.cost_per_hour)


def _reached_alike(before: Host | None, after: Host | None) -> bool:
    """Whether the executor of a host still does: weights and prices do not concern it."""
    return (
        before is not None and after is not None and (before.executor, before.config) == (after.executor, after.config)
    )
