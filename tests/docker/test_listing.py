"""Which containers an engine is asked to list: those that go on running only now and then."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from container_manager_core.clock import VirtualClock
from container_manager_core.executor import ExecutionStatus
from container_manager_docker.executor import DockerExecutor
from container_manager_docker.listing import Listing

RUNNING, EXITED, NOT_FOUND = ExecutionStatus.RUNNING, ExecutionStatus.EXITED, ExecutionStatus.NOT_FOUND


class Asked:
    """An engine that notes of each list whether all were to be in it, or what else."""

    def __init__(self, engine: Any) -> None:
        self.lists: list[str] = []
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def call(self, *words: str, **given: Any) -> Any:
        self.lists += json.loads(given["params"]["filters"]).get("status", ["all"])
        return self._engine.call(*words, **given)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def asked(executor: Any) -> Asked:
    return Asked(executor._engine)


@pytest.fixture
def listing(asked: Any, installation_id: str, clock: VirtualClock) -> Listing:
    return Listing(asked, installation_id, clock)


@pytest.fixture
def running(executor: Any, prepare: Any) -> Iterator[list[str]]:
    """Two that go on running."""
    ids = [executor.launch_job(prepare("sleep", "600")).execution_id for _ in range(2)]
    yield ids
    for execution_id in ids:
        executor.cleanup(execution_id)


def statuses(asked: Listing | DockerExecutor, ids: list[str]) -> list[ExecutionStatus]:
    states = asked.states(ids) if isinstance(asked, Listing) else asked.check_statuses(ids)
    return [states[execution_id].status for execution_id in ids]


def test_what_goes_on_running_is_listed_every_fifteen_seconds(
    listing: Listing, asked: Asked, running: list[str], clock: VirtualClock
) -> None:
    for _ in range(4):
        assert statuses(listing, running) == [RUNNING, RUNNING]
        clock.advance(5)
    assert asked.lists == ["all", "exited", "exited", "all"]


def test_an_end_is_seen_at_the_next_look(listing: Listing, asked: Asked, running: list[str], client: Any) -> None:
    statuses(listing, running)
    client.containers.get(running[0]).kill("KILL")
    client.containers.get(running[0]).wait()
    state = listing.states(running)[running[0]]
    assert (state.status, state.exit_code) == (EXITED, 137)
    assert statuses(listing, running) == [EXITED, RUNNING]
    assert asked.lists == ["all", "exited", "exited"]


def test_one_that_did_not_run_when_all_were_listed_is_looked_for(
    listing: Listing, asked: Asked, running: list[str]
) -> None:
    statuses(listing, running[:1])
    assert statuses(listing, [*running, "0" * 64]) == [RUNNING, RUNNING, NOT_FOUND]
    assert asked.lists == ["all", "all"]


def test_one_that_somebody_removed_is_missed_soon(
    listing: Listing, running: list[str], client: Any, clock: VirtualClock
) -> None:
    statuses(listing, running)
    client.containers.get(running[0]).remove(force=True)
    clock.advance(14.9)
    assert statuses(listing, running) == [RUNNING, RUNNING]
    clock.advance(0.1)
    assert statuses(listing, running) == [NOT_FOUND, RUNNING]


def test_one_that_had_ended_is_missed_at_once(listing: Listing, running: list[str], client: Any) -> None:
    client.containers.get(running[0]).kill("KILL")
    client.containers.get(running[0]).wait()
    assert statuses(listing, running) == [EXITED, RUNNING]
    client.containers.get(running[0]).remove()
    assert statuses(listing, running) == [NOT_FOUND, RUNNING]


def test_one_that_was_found_missing_is_missing(executor: Any, running: list[str], client: Any) -> None:
    executor.check_statuses(running)
    client.containers.get(running[0]).remove(force=True)
    assert executor.check_status(running[0]).status is NOT_FOUND
    assert statuses(executor, running) == [NOT_FOUND, RUNNING]


def test_one_that_was_cleaned_up_is_missing(executor: Any, running: list[str]) -> None:
    executor.check_statuses(running)
    executor.cleanup(running[0])
    assert statuses(executor, running) == [NOT_FOUND, RUNNING]
