"""Workers, a store and a platform on a virtual clock: a day passes in milliseconds, and any call can be a crash."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import attrs

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, Job, Plugins, WorkerSettings
from container_manager_core.assembly import assemble_worker
from container_manager_core.clock import VirtualClock
from container_manager_core.costs.budget import Budget
from container_manager_core.executors import plugin
from container_manager_core.executors.mock import MockPlatform
from container_manager_core.lanes import InlineLanes, Lanes
from container_manager_core.policy import Policy
from container_manager_core.store.memory import MemoryStore
from container_manager_core.worker import Worker

SETTINGS = WorkerSettings(lease_seconds=30, poll_interval_seconds=1, max_concurrent_jobs=10, lost_grace_seconds=10)


class Crash(BaseException):
    """The process is gone, as after kill -9: nothing is cleaned up, nothing is said."""


@attrs.define
class Fuse:
    """Burns at the n-th step that passes it, and stays burnt out."""

    left: int

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash


class Fused:
    """An object whose every call passes a fuse before and after it."""

    def __init__(self, inner: Any, fuse: Callable[[], None]) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse()
            answer = found(*arguments, **named)
            self._fuse()
            return answer

        return call


class Simulation:
    """One store, one mock platform for each host, any number of workers."""

    def __init__(
        self,
        *hosts: Host,
        settings: WorkerSettings = SETTINGS,
        budgets: Sequence[Budget] = (),
        policy: Policy | None = None,
        plugins: Sequence[Any] = (),
        **platform: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.settings = settings
        self.budgets = tuple(budgets)
        self.policy = policy or Policy()
        self.plugins = Plugins([("container-manager-core", plugin), *(("test", each) for each in plugins)])
        self.platforms: dict[str, MockPlatform] = {}
        self.hosts: dict[str, Host] = {}
        for host in hosts or (Host(name="mock", executor="mock"),):
            self.platforms[host.name] = MockPlatform(clock=self.clock, **platform)
            self.hosts[host.name] = attrs.evolve(
                host, config={"platform": self.platforms[host.name], "memory_mib": 4096}
            )
        self.manager = self._manager(self.store)

    @property
    def platform(self) -> MockPlatform:
        (platform,) = self.platforms.values()
        return platform

    def submit(self, **facts: Any) -> UUID:
        wishes = {name: facts.pop(name) for name in ("host", "priority", "scheduled_at", "created_by") if name in facts}
        spec = ContainerSpec(image="alpine", **facts)
        return self.manager.submit(spec, executor=None if "host" in wishes else "mock", **wishes).id

    def job(self, job_id: UUID) -> Job:
        return self.store.get(job_id)

    def worker(self, fuse: Callable[[], None] | None = None, lanes: Lanes | None = None) -> Worker:
        """A new worker, as in a process of its own. With a fuse, its calls to store and platform pass it."""
        manager = self.manager if fuse is None else self._manager(Fused(self.store, fuse), fuse)
        return assemble_worker(
            store=manager.store,
            fleet=manager.fleet,
            plugins=self.plugins,
            secrets=manager.secrets,
            settings=self.settings,
            clock=self.clock,
            budgets=self.budgets,
            policy=self.policy,
            lanes=lanes or InlineLanes(),
        )

    def run(self, *workers: Worker, seconds: float = 600, tick: float = 0.5) -> None:
        """Let workers take turns until every job has ended and nothing is left to do, or time is up."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            for worker in workers:
                for _ in range(4):
                    worker.step()
            if self.is_settled:
                return
            self.clock.advance(tick)

    @property
    def is_settled(self) -> bool:
        jobs = self.manager.list()
        return all(job.status.is_terminal and not job.needs_attention for job in jobs)

    def left_over(self) -> list[str]:
        """What still exists on any platform."""
        return [execution.name for platform in self.platforms.values() for execution in platform.executions]

    def _manager(self, store: Any, fuse: Callable[[], None] | None = None) -> ContainerManager:
        manager = ContainerManager(
            Config(store="memory:", worker=self.settings, hosts=self.hosts, budgets=self.budgets, policy=self.policy),
            store=store,
            plugins=self.plugins,
            clock=self.clock,
        )
        if fuse is not None:
            for name in self.hosts:
                executor = manager.fleet.executor(name)
                manager.fleet._executors[name] = Fused(executor, fuse)
        return manager
