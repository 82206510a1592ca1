"""Fleets of hosts whose executors have the names of real ones and run nothing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import attrs

from container_manager_core import ContainerSpec, ExecutorType, Host, Job, Plugins, Resources, hookimpl
from container_manager_core.clock import VirtualClock
from container_manager_core.executors.mock.executor_type import MOCK
from container_manager_core.fleet import Fleet

NOW = datetime(2030, 1, 7, 12, tzinfo=UTC)
EXECUTORS = ("docker", "fargate", "cloudrun", "scaleway")


class Executors:
    """Four executors that routing may choose by itself, and one that has to be asked for."""

    @hookimpl
    def container_manager_executors(self) -> Sequence[ExecutorType]:
        automatic = [attrs.evolve(MOCK, name=name, automatic=True) for name in EXECUTORS]
        return [*automatic, attrs.evolve(MOCK, name="manual")]


class ChangingFleet(Fleet):
    """A fleet whose configuration a test changes."""

    def __init__(self, hosts: Sequence[Host], plugins: Sequence[Any]) -> None:
        self.configured = list(hosts)
        loaded = Plugins([("fleets", Executors()), *(("a test", plugin) for plugin in plugins)])
        super().__init__(lambda: {each.name: each for each in self.configured}, loaded, "routing", VirtualClock())

    def configure(self, *hosts: Host) -> None:
        self.configured = list(hosts)
        self.refresh()


def fleet_of(*hosts: Host, plugins: Sequence[Any] = ()) -> ChangingFleet:
    return ChangingFleet(hosts, plugins)


def host(name: str, executor: str = "docker", **facts: Any) -> Host:
    return Host(name=name, executor=executor, **facts)


def job(
    memory_mib: int | None = None, labels: Mapping[str, str] | None = None, priority: int = 50, **facts: Any
) -> Job:
    spec = ContainerSpec(image="alpine", resources=Resources(memory_mib=memory_mib), labels=labels or {})
    return Job(id=uuid4(), spec=spec, created_at=NOW, queued_at=NOW, priority=priority, **facts)
