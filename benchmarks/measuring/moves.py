"""Jobs to be moved, and the moves: what a worker does with a store from the claim to the end, without a platform."""

from uuid import uuid4

from container_manager_core import ContainerSpec, Host, Job, JobStatus, lifecycle
from container_manager_core.clock import SystemClock
from container_manager_core.job import Route
from container_manager_core.store.protocol import Claim, JobStore, Record, RecordOutcome

WORKER = "benchmark"
HOST = Host(name="local", executor="docker", max_concurrent_jobs=1_000_000)
SPEC = ContainerSpec(image="registry.example/app:1", command=("true",))
EXECUTION_ID = "f" * 64
_CLOCK = SystemClock()


def new_jobs(number: int) -> list[Job]:
    """So many jobs as they are submitted."""
    now = _CLOCK.now()
    return [Job(id=uuid4(), spec=SPEC, created_at=now, queued_at=now) for _ in range(number)]


def work_off(store: JobStore, batch: int) -> int:
    """Claim and finish until nothing waits: two durable transactions a batch; how many jobs there were.

    Each job goes through the state machine: launching, running, completed.
    """
    done = 0
    while taken := store.claim(Claim(worker=WORKER, limit=batch)):
        outcomes = store.record_many([Record(job=finished(job), expect=job.status) for job in taken])
        if set(outcomes) != {RecordOutcome.STORED}:
            raise SystemExit(f"of {len(taken)} jobs some were not stored: {set(outcomes)}")
        done += len(taken)
    return done


def launched(job: Job) -> Job:
    """The job, running."""
    now = _CLOCK.now()
    route = Route(host=HOST.name, reason="the only one", decided_at=now)
    return lifecycle.running(lifecycle.launching(job, HOST, route, now), EXECUTION_ID, now, {})


def finished(job: Job) -> Job:
    """The job, completed and with nothing left to do."""
    now = _CLOCK.now()
    return lifecycle.finished(launched(job), JobStatus.COMPLETED, now, exit_code=0, finished_at=now, cleaned=True)
