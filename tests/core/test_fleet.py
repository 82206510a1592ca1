"""Hosts that are configured anew while a worker runs."""

import pytest

from container_manager_core.clock import SystemClock
from container_manager_core.errors import NotFound
from container_manager_core.executor import Health
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.plugins import Plugins


class Configured:
    """Hosts, and what was told of their checks."""

    def __init__(self, *hosts: Host) -> None:
        self.now = hosts
        self.checks: list[tuple[str, Health]] = []
        self.fleet = Fleet(
            lambda: {host.name: host for host in self.now},
            Plugins.load(),
            "installation",
            SystemClock(),
            lambda name, health: self.checks.append((name, health)),
        )


def mock(name: str, **facts: object) -> Host:
    return Host(name=name, executor="mock", **facts)


def test_a_new_host_can_be_used_and_one_that_went_cannot() -> None:
    configured = Configured(mock("one"))
    configured.now = (mock("two"),)
    assert configured.fleet.executor("one")
    configured.fleet.refresh()
    assert configured.fleet.executor("two")
    with pytest.raises(NotFound, match="no host is called 'one'; configured are: two"):
        configured.fleet.executor("one")


def test_a_host_that_is_reached_otherwise_gets_another_executor() -> None:
    configured = Configured(mock("one", weight=1), mock("two"))
    first, second = configured.fleet.executor("one"), configured.fleet.executor("two")
    configured.now = (mock("one", weight=2), mock("two", config={"exit_code": 7}))
    configured.fleet.refresh()
    assert configured.fleet.executor("one") is first
    assert configured.fleet.executor("two") is not second
    assert configured.fleet.host("one").weight == 2


def test_each_check_is_told() -> None:
    configured = Configured(mock("one"), Host(name="two", executor="nothing"))
    configured.fleet.check("one")
    configured.fleet.check("two")
    assert [(name, health.ok) for name, health in configured.checks] == [("one", True), ("two", False)]


def test_a_host_that_failed_and_is_reached_otherwise_now_is_asked_at_once() -> None:
    configured = Configured(Host(name="one", executor="nothing"))
    assert configured.fleet.checks_due(3600) == ["one"]
    configured.fleet.check("one")
    assert not configured.fleet.state("one").usable
    assert configured.fleet.checks_due(3600) == []
    configured.now = (mock("one"),)
    configured.fleet.refresh()
    assert configured.fleet.state("one").usable
    assert configured.fleet.checks_due(3600) == ["one"]


def test_a_host_that_went_is_not_checked_any_more() -> None:
    configured = Configured(mock("one"), mock("two"))
    configured.now = (mock("two"),)
    configured.fleet.refresh()
    assert configured.fleet.checks_due(3600) == ["two"]
