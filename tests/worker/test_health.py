"""Workers ask hosts at intervals how they are, whether or not anything runs there."""

import attrs
from worker.simulation import SETTINGS, Simulation

from container_manager_core import Host
from container_manager_core.worker import Worker

EVERY_MINUTE = attrs.evolve(SETTINGS, health_interval_seconds=60)


def work(world: Simulation, worker: Worker, seconds: int) -> int:
    """Let a worker work; how often its one host was asked since the beginning."""
    for _ in range(seconds):
        for _ in range(3):
            worker.step()
        world.clock.advance(1)
    return world.platform.calls["check_health"]


def test_a_host_without_jobs_is_checked_at_once_and_then_at_each_interval() -> None:
    world = Simulation(settings=EVERY_MINUTE)
    worker = world.worker()
    assert work(world, worker, seconds=1) == 1
    assert work(world, worker, seconds=58) == 1
    assert work(world, worker, seconds=62) == 3


def test_a_host_that_stops_answering_is_noticed_without_a_job_and_taken_back_once_it_answers() -> None:
    world = Simulation(settings=EVERY_MINUTE)
    worker = world.worker()
    work(world, worker, seconds=1)
    world.platform.is_reachable = False
    work(world, worker, seconds=65)
    state = world.manager.fleet.state("mock")
    assert not state.usable
    assert state.problem
    world.platform.is_reachable = True
    work(world, worker, seconds=40)
    assert world.manager.fleet.state("mock").usable


def test_a_host_that_takes_no_jobs_is_not_asked() -> None:
    world = Simulation(Host(name="mock", executor="mock", active=False), settings=EVERY_MINUTE)
    assert work(world, world.worker(), seconds=130) == 0
