"""What platforms still have, against what the store knows."""

from uuid import UUID, uuid4

import attrs
import pytest
from worker.simulation import SETTINGS, Simulation

from container_manager_core import ContainerSpec, Host, JobStatus
from container_manager_core.errors import TransientError
from container_manager_core.executor import ExecutionRequest
from container_manager_core.executors.mock import Outcome
from container_manager_core.executors.mock.executor import MockExecutor
from container_manager_core.reconciler import FindingKind

FOREVER = Outcome(duration_seconds=float("inf"))


def _start(world: Simulation, host: str = "mock", **facts: object) -> str:
    """Start something on a platform without the store's knowledge; its name."""
    job_id = facts.pop("job_id", None) or uuid4()
    attempt = facts.pop("attempt", 1)
    installation_id = facts.pop("installation_id", None) or world.store.installation_id()
    request = ExecutionRequest(
        job_id=job_id,  # type: ignore[arg-type]
        attempt=attempt,  # type: ignore[arg-type]
        name=f"cm-{job_id}-{attempt}",
        spec=ContainerSpec(image="alpine"),
        installation_id=installation_id,  # type: ignore[arg-type]
    )
    world.manager.fleet.executor(host).launch_job(request)
    return request.name


def test_what_belongs_to_no_job_is_removed_once_it_is_certain() -> None:
    """A young one may have been started a moment ago, by a worker whose write is still under way."""
    world = Simulation(outcome=FOREVER)
    name = _start(world)
    assert world.manager.reap() == []
    world.clock.advance(61)
    (finding,) = world.manager.reap(dry_run=True)
    assert (finding.kind, finding.name, finding.removed) == (FindingKind.ORPHANED, name, False)
    assert world.left_over() == [name]
    (finding,) = world.manager.reap()
    assert finding.removed
    assert world.left_over() == []


def test_another_installation_s_executions_are_not_touched() -> None:
    world = Simulation(outcome=FOREVER)
    name = _start(world, installation_id="somebody else's")
    world.clock.advance(3600)
    assert world.manager.reap() == []
    assert world.left_over() == [name]


def test_a_double_of_a_live_job_is_stopped_and_the_known_one_goes_on() -> None:
    world = Simulation(outcome=FOREVER)
    job_id = world.submit()
    world.run(world.worker(), seconds=5)
    first = _start(world, job_id=job_id, attempt=0)
    (finding,) = world.manager.reap()
    assert (finding.kind, finding.name, finding.removed) == (FindingKind.DOUBLE, first, True)
    assert world.left_over() == [f"cm-{job_id}-1"]
    assert world.job(job_id).status is JobStatus.RUNNING


def test_what_runs_on_after_its_job_has_ended_is_stopped() -> None:
    world = Simulation()
    job_id = world.submit()
    world.run(world.worker())
    world.platform._outcome = FOREVER
    name = _start(world, job_id=job_id)
    assert [finding.kind for finding in world.manager.reap()] == [FindingKind.DOUBLE]
    assert name not in world.left_over()


def test_what_has_ended_is_kept_where_cleanup_waits_for_the_reaper() -> None:
    settings = attrs.evolve(SETTINGS, immediate_cleanup=False, reap_interval_seconds=5)
    world = Simulation(settings=settings, outcome=Outcome(duration_seconds=1))
    job_id = world.submit()
    worker = world.worker()
    world.run(worker)
    world.submit(timeout_seconds=100)
    world.run(worker, seconds=30)
    assert f"cm-{job_id}-1" in world.left_over()
    assert {finding.kind for finding in world.manager.reap()} == {FindingKind.LEFTOVER}
    assert world.left_over() == []


def test_what_a_job_keeps_is_removed_by_an_explicit_reap_alone() -> None:
    world = Simulation(settings=attrs.evolve(SETTINGS, reap_interval_seconds=5), outcome=Outcome(duration_seconds=1))
    kept, removed = world.submit(auto_remove=False), world.submit()
    world.run(world.worker())
    world.run(world.worker(), seconds=60)
    assert (world.job(kept).status, world.job(removed).status) == (JobStatus.COMPLETED, JobStatus.COMPLETED)
    assert world.left_over() == [f"cm-{kept}-1"]
    assert [finding.name for finding in world.manager.reap()] == [f"cm-{kept}-1"]
    assert world.left_over() == []


def test_only_what_is_asked_for_is_removed_and_the_rest_is_told() -> None:
    world = Simulation(outcome=FOREVER)
    name = _start(world)
    world.clock.advance(61)
    (finding,) = world.manager.reap(remove=[FindingKind.LEFTOVER])
    assert (finding.kind, finding.removed) == (FindingKind.ORPHANED, False)
    assert world.left_over() == [name]


def test_what_a_job_left_is_kept_until_the_job_ended_long_enough_ago() -> None:
    world = Simulation(settings=attrs.evolve(SETTINGS, immediate_cleanup=False), outcome=Outcome(duration_seconds=1))
    job_id = world.submit()
    world.run(world.worker())
    world.clock.advance(3500)
    assert world.manager.reap(leftover_age_seconds=3600) == []
    assert world.left_over() == [f"cm-{job_id}-1"]
    world.clock.advance(200)
    assert [finding.removed for finding in world.manager.reap(leftover_age_seconds=3600)] == [True]
    assert world.left_over() == []


def test_a_worker_reaps_by_itself() -> None:
    world = Simulation(outcome=FOREVER, settings=attrs.evolve(SETTINGS, reap_interval_seconds=5))
    world.submit()
    worker = world.worker()
    world.run(worker, seconds=2)
    name = _start(world)
    assert name in world.left_over()
    world.run(worker, seconds=80)
    assert name not in world.left_over()


def test_what_the_platform_lost_is_told_and_left_to_its_worker() -> None:
    world = Simulation(outcome=FOREVER)
    job_id = world.submit()
    world.run(world.worker(), seconds=5)
    world.clock.advance(60)
    world.platform.remove(f"cm-{job_id}-1")
    (finding,) = world.manager.reap()
    assert (finding.kind, finding.removed) == (FindingKind.LOST, False)
    assert world.job(job_id).status is JobStatus.RUNNING


def test_what_runs_is_read_at_once_and_not_job_by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Simulation(outcome=FOREVER)
    for _ in range(5):
        world.submit()
    world.run(world.worker(), seconds=5)
    read: list[UUID] = []
    monkeypatch.setattr(world.store, "get", read.append)
    assert world.manager.reap() == []
    assert len(world.platform.executions) == 5
    assert read == []


def test_a_worker_does_not_read_the_store_where_a_platform_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Simulation(settings=attrs.evolve(SETTINGS, reap_interval_seconds=5))
    world.submit()
    worker = world.worker()
    world.run(worker)
    asked: list[object] = []
    read: list[object] = []
    list_owned = MockExecutor.list_owned
    monkeypatch.setattr(MockExecutor, "list_owned", lambda self: asked.append(self) or list_owned(self))
    monkeypatch.setattr(world.store, "list", lambda query: read.append(query) or [])
    for _ in range(20):
        world.clock.advance(1)
        worker.step()
    assert len(asked) >= 3
    assert read == []


def test_a_host_that_cannot_be_asked_is_told_and_the_others_are_done() -> None:
    world = Simulation(Host(name="dead", executor="mock"), Host(name="good", executor="mock"), outcome=FOREVER)
    name = _start(world, host="good")
    world.clock.advance(61)
    world.platforms["dead"].is_reachable = False
    unreachable, orphaned = world.manager.reap()
    assert (unreachable.kind, unreachable.host) == (FindingKind.UNREACHABLE, "dead")
    assert (orphaned.kind, orphaned.name, orphaned.removed) == (FindingKind.ORPHANED, name, True)


def test_what_cannot_be_removed_is_told_and_the_rest_of_its_host_is_done() -> None:
    """One container that is stuck must not keep all that comes after it."""
    world = Simulation(outcome=FOREVER)
    first, stuck, last = [_start(world) for _ in range(3)]
    world.clock.advance(61)
    world.platform.scripted_faults.add("cleanup", TransientError("it is stuck"), name=stuck)
    findings = {finding.name: finding for finding in world.manager.reap()}
    assert {name: finding.removed for name, finding in findings.items()} == {first: True, stuck: False, last: True}
    assert findings[stuck].message == "no stored job belongs to it; it could not be removed: it is stuck"
    assert world.left_over() == [stuck]


def test_reaping_beside_a_busy_worker_disturbs_nothing() -> None:
    world = Simulation(outcome=Outcome(duration_seconds=3))
    jobs = [world.submit() for _ in range(30)]
    worker = world.worker()
    for _ in range(100):
        world.run(worker, seconds=0.5)
        assert world.manager.reap() == []
    assert {world.job(job_id).status for job_id in jobs} == {JobStatus.COMPLETED}
    assert world.platform.started_twice == []
