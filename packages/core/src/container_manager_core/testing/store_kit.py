"""What every case of the store suite stands on: the fixtures, and jobs to put into the store."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from container_manager_core import lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.executor import Stream
from container_manager_core.host import Host
from container_manager_core.job import Job, JobStatus, Route
from container_manager_core.spec import ContainerSpec
from container_manager_core.store.protocol import Claim, JobStore, Record, RecordOutcome, StoredLog

LEASE_SECONDS = 30.0


class StoreKit:
    """The fixtures that an author gives, and the helpers of the cases.

    `store` must be given; `other_store`, a second store object on the same data, where the store is for
    several processes. Both take their time from the fixture `clock`.
    """

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """The store's clock; stands still unless it is moved."""
        return VirtualClock()

    @pytest.fixture
    def store(self, clock: VirtualClock) -> Iterator[JobStore]:
        """An empty store whose clock is the fixture ``clock``."""
        raise NotImplementedError("override the fixture store")

    @pytest.fixture
    def other_store(self, store: JobStore) -> JobStore:
        """A second store object on the same data; the same object where there can be only one."""
        return store

    def job(self, clock: VirtualClock, *, spec: dict[str, Any] | None = None, **fields: Any) -> Job:
        """A new job, created now."""
        now = clock.now()
        facts = {"id": uuid4(), "created_at": now, "queued_at": now, **fields}
        return Job(spec=ContainerSpec(**{"image": "alpine", "command": ("true",), **(spec or {})}), **facts)

    def add(self, store: JobStore, clock: VirtualClock, count: int = 1, **fields: Any) -> Sequence[Job]:
        """New jobs in the store, each a second younger than the one before."""
        jobs = []
        for _ in range(count):
            jobs.append(self.job(clock, **fields))
            clock.advance(1)
        store.add_many(jobs)
        return jobs

    def take(self, store: JobStore, worker: str = "worker-1", limit: int = 100, **claim: Any) -> Sequence[Job]:
        """What a worker that lives gets."""
        store.heartbeat(worker, LEASE_SECONDS)
        return store.claim(Claim(worker=worker, limit=limit, **claim))

    def launching(self, job: Job, now: datetime, host: str = "host-1") -> Job:
        """The job with the intent to start its next attempt."""
        chosen = Host(name=host, executor="mock")
        return lifecycle.launching(job, chosen, Route(host=host, reason="the only one", decided_at=now), now)

    def running(self, job: Job, now: datetime) -> Job:
        """The job with its attempt started."""
        return lifecycle.running(job, f"execution-{job.attempt}", now, {"container_name": f"cm-{job.id}"})

    def finished(self, job: Job, now: datetime, status: JobStatus = JobStatus.COMPLETED, **facts: Any) -> Job:
        """The job at its end."""
        return lifecycle.finished(job, status, now, **{"exit_code": 0, "finished_at": now, **facts})

    def record(self, store: JobStore, job: Job, **record: Any) -> Job:
        """The job, after it was stored as it is."""
        assert list(store.record_many([Record(job=job, **record)])) == [RecordOutcome.STORED]
        return job

    def run(self, store: JobStore, clock: VirtualClock, job: Job, host: str = "host-1", **record: Any) -> Job:
        """A claimed job, recorded as running."""
        launching = self.record(store, self.launching(job, clock.now(), host))
        return self.record(store, self.running(launching, clock.now()), **record)

    def clean(self, job: Job) -> Job:
        """The job with nothing left on the platform."""
        assert job.execution is not None
        return attrs.evolve(job, execution=attrs.evolve(job.execution, cleaned=True))

    def finish(self, store: JobStore, clock: VirtualClock, job: Job, **facts: Any) -> Job:
        """A claimed job, run, recorded as finished and cleaned up."""
        running = self.run(store, clock, job)
        return self.record(store, self.clean(self.finished(running, clock.now(), **facts)))

    def write(self, store: JobStore, job: Job, *pieces: tuple[int, bytes], stream: Stream = Stream.STDOUT) -> None:
        """Store pieces of a job's output."""
        logs = tuple(StoredLog(stream=stream, offset=offset, data=data) for offset, data in pieces)
        self.record(store, job, logs=logs)

    def read(self, store: JobStore, job_id: UUID, stream: Stream = Stream.STDOUT, **options: Any) -> bytes:
        """A whole stream, read in slices until there is no more."""
        data, offset = b"", options.pop("offset", 0)
        while True:
            part = store.read_logs(job_id, stream, offset=offset, **options)
            assert part.next_offset >= offset
            assert part.next_offset > offset or not part.more, "a reader would never get on"
            data, offset = data + part.data, part.next_offset
            if not part.more:
                return data

    def write_and_finish(self, store: JobStore, clock: VirtualClock, job: Job, data: bytes) -> Job:
        """A claimed job, recorded as finished with some output."""
        running = self.run(store, clock, job)
        self.write(store, running, (0, data))
        return self.record(store, self.clean(self.finished(running, clock.now())))

    def restart(self, store: JobStore, clock: VirtualClock, job_id: UUID) -> Job:
        """A finished job, made pending again by somebody without a lease."""
        job = store.get(job_id)
        return self.record(store, lifecycle.restarted(job, clock.now()), expect=job.status)


def ids(jobs: Sequence[Job]) -> Sequence[UUID]:
    """The ids of jobs, in their order."""
    return [job.id for job in jobs]


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)
