"""How often a worker counts the places that are taken."""

from collections.abc import Mapping

import pytest
from worker.simulation import Simulation

from container_manager_core import Host, JobStatus
from container_manager_core.clock import VirtualClock
from container_manager_core.headcount import Headcount
from container_manager_core.job import Route
from container_manager_core.routing import Router
from container_manager_core.store.memory import MemoryStore


class Counting(MemoryStore):
    """Counts how often it is asked."""

    asked = 0

    def live_by_host(self) -> Mapping[str, int]:
        self.asked += 1
        return super().live_by_host()


class Places:
    def __init__(self, *hosts: Host) -> None:
        self.world = Simulation(*hosts)
        self.store = Counting(self.world.clock)
        self.clock: VirtualClock = self.world.clock
        self.router = Router(self.world.manager.fleet)
        self.headcount = Headcount(self.store, self.router, self.clock, seconds=5.0)


def host(name: str, places: int) -> Host:
    return Host(name=name, executor="mock", max_concurrent_jobs=places)


@pytest.fixture
def places() -> Places:
    return Places(host("a", 1), host("b", 9))


def test_a_count_is_good_for_some_seconds(places: Places) -> None:
    for _ in range(3):
        places.headcount.look(10, None)
    assert places.store.asked == 1
    places.clock.advance(5.0)
    places.headcount.look(10, None)
    assert places.store.asked == 2


def test_more_places_wanted_than_known_are_counted(places: Places) -> None:
    places.headcount.look(10, None)
    places.headcount.look(11, None)
    assert places.store.asked == 2


def test_the_hosts_of_a_restricted_worker_count_alone(places: Places) -> None:
    places.headcount.look(1, frozenset({"a"}))
    places.headcount.look(2, frozenset({"a"}))
    assert places.store.asked == 2


def test_a_host_that_seems_to_be_full_is_counted_at_every_look(places: Places) -> None:
    """Its place may be free again, and a job may wait for just that one."""
    places.headcount.look(1, None)
    for asked in (2, 3):
        wanted = places.world.job(places.world.submit(host="a"))
        assert isinstance(places.router.decide(wanted, places.clock.now()), Route)
        places.headcount.look(1, None)
        assert places.store.asked == asked


def test_a_count_that_was_wrong_is_not_used_again(places: Places) -> None:
    places.headcount.look(1, None)
    places.headcount.doubt()
    places.headcount.look(1, None)
    assert places.store.asked == 2


def test_a_place_that_another_worker_took_meanwhile_is_refused_and_the_job_runs_later() -> None:
    """Capacity holds, however old a worker's count is."""
    world = Simulation(host("a", 1))
    first, second = world.worker(), world.worker()
    world.run(second, seconds=1)
    blocking, waiting = world.submit(), world.submit()
    for _ in range(20):
        first.step()
        second.step()
        live = [job.status for job in map(world.job, (blocking, waiting)) if job.status.is_live]
        assert len(live) <= 1
        world.clock.advance(0.5)
    world.run(first, second)
    assert {world.job(job_id).status for job_id in (blocking, waiting)} == {JobStatus.COMPLETED}
