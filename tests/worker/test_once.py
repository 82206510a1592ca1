"""A worker that works off what is there ends when nothing is left, not when it has no place to take anything on for."""

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, JobStatus, WorkerSettings
from container_manager_core.clock import SystemClock
from container_manager_core.store.memory import MemoryStore


class Quiet(MemoryStore):
    """One that does not tell of changes, as a database without notifications: only polling finds them."""

    def changed(self, since: object | None) -> tuple[object, bool]:
        return "as ever", since is None


def test_jobs_beyond_the_worker_s_places_are_worked_off_too() -> None:
    """It looks at the store while its only place is taken, too: that it then finds nothing means nothing."""
    host = Host(name="mock", executor="mock", config={"duration_seconds": 0.2})
    settings = WorkerSettings(max_concurrent_jobs=1, poll_interval_seconds=0.05)
    config = Config(store="memory:", worker=settings, hosts={"mock": host})
    with ContainerManager(config, store=Quiet(SystemClock())) as manager:
        jobs = [manager.submit(ContainerSpec(image="any"), host="mock").id for _ in range(5)]
        manager.worker().run(once=True)
        assert [manager.get(job_id).status for job_id in jobs] == [JobStatus.COMPLETED] * 5
