"""A store against a model so simple that it can be read, with crashes and time between the steps."""

from decimal import Decimal

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from container_manager_core import lifecycle
from container_manager_core.clock import VirtualClock
from container_manager_core.executor import Stream
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Job, JobStatus
from container_manager_core.store import Charge, Claim, JobQuery, JobStore, Record, RecordOutcome, StoredLog
from container_manager_core.store.logs import gap_marker
from container_manager_core.testing.store_kit import LEASE_SECONDS, StoreKit, seconds

WORKERS = st.sampled_from(["ann", "bob", "cyd"])
HOSTS = st.sampled_from(["host-1", "host-2"])
ACCOUNTS = ("day", "month")
CHARGES = st.lists(
    st.builds(
        Charge,
        account=st.sampled_from(ACCOUNTS),
        amount=st.integers(-3, 5).map(Decimal),
        cap=st.sampled_from([None, Decimal(4), Decimal(8)]),
    ),
    max_size=3,
)
LIMIT = 1024
KIT = StoreKit()


@attrs.define
class Known:
    job: Job
    past: dict[int, object] = attrs.field(factory=dict)
    output: dict[int, bytes] = attrs.field(factory=dict)


class StoreMachine(RuleBasedStateMachine):
    """Workers hold what they last saw of their jobs, right or outdated, and write from that."""

    jobs = Bundle("jobs")
    views = Bundle("views")

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.store = self.open()
        self.known: dict[object, Known] = {}
        self.alive: dict[str, object] = {}
        self.balances = dict.fromkeys(ACCOUNTS, Decimal(0))

    def open(self) -> JobStore:
        raise NotImplementedError

    @rule(target=jobs, priority=st.integers(0, 3), delay=st.sampled_from([None, 5, 100]), host=st.none() | HOSTS)
    def add(self, priority: int, delay: int | None, host: str | None) -> object:
        self.clock.advance(0.001)
        scheduled_at = None if delay is None else self.clock.now() + seconds(delay)
        job = KIT.job(
            self.clock,
            priority=priority,
            scheduled_at=scheduled_at,
            requested_host=host,
            spec={"max_output_bytes": LIMIT},
        )
        self.store.add_many([job])
        self.known[job.id] = Known(job)
        return job.id

    @rule(worker=WORKERS)
    def heartbeat(self, worker: str) -> None:
        self.store.heartbeat(worker, LEASE_SECONDS)
        self.alive[worker] = self.clock.now() + seconds(LEASE_SECONDS)

    @rule(time=st.sampled_from([1, 10, LEASE_SECONDS]))
    def time_passes(self, time: float) -> None:
        self.clock.advance(time)

    @rule(worker=WORKERS)
    def stop(self, worker: str) -> None:
        self.store.release(worker)
        self.give_back(worker)

    @rule()
    def crash(self) -> None:
        """The process ends; another opens the same data. Workers that hold no job must say again that they live."""
        self.store = self.reopen()
        holding = {known.job.worker for known in self.known.values()}
        for worker, until in self.alive.items():
            if worker not in holding and until > self.clock.now():
                self.store.heartbeat(worker, (until - self.clock.now()).total_seconds())

    def reopen(self) -> JobStore:
        return self.store

    @rule(target=views, worker=WORKERS, limit=st.integers(0, 2), avoid=st.frozensets(HOSTS), pending=st.booleans())
    def claim(self, worker: str, limit: int, avoid: frozenset[str], pending: bool) -> list[Job]:
        for name in [name for name, until in self.alive.items() if until <= self.clock.now()]:
            self.give_back(name)
        wanted = self.expected_claim(limit, avoid, pending) if worker in self.alive else []
        got = self.store.claim(Claim(worker=worker, limit=limit, avoid_hosts=avoid, pending=pending))
        for job in wanted:
            self.known[job.id].job = attrs.evolve(job, worker=worker, epoch=job.epoch + 1)
        assert list(got) == [self.known[job.id].job for job in wanted]
        return list(got)

    def expected_claim(self, limit: int, avoid: frozenset[str], pending: bool) -> list[Job]:
        free = [known.job for known in self.known.values() if known.job.worker is None]
        orphans = sorted((job for job in free if job.needs_attention), key=lambda job: job.created_at)
        now = self.clock.now()
        ready = [
            job
            for job in free
            if job.status is JobStatus.PENDING
            and not job.needs_attention
            and (job.cancel_requested_at or max(job.scheduled_at or now, job.not_before or now) <= now)
            and job.requested_host not in avoid
        ]
        ready.sort(key=lambda job: (-job.priority, job.created_at))
        return orphans + (ready[:limit] if pending else [])

    @rule(target=views, views=views, host=HOSTS, capacity=st.sampled_from([None, 1, 2]), charges=CHARGES)
    def launch(self, views: list[Job], host: str, capacity: int | None, charges: list[Charge]) -> list[Job]:
        return self.write(
            views,
            JobStatus.PENDING,
            lambda job: KIT.launching(job, self.clock.now(), host),
            capacity=capacity,
            charges=tuple(charges),
        )

    @rule(job_id=jobs, host=HOSTS)
    def move(self, job_id: object, host: str) -> None:
        self.store.request_move([job_id], host)
        known = self.known[job_id]
        if not known.job.status.is_terminal:
            known.job = attrs.evolve(known.job, requested_host=host)

    @rule(target=views, views=views, data=st.binary(max_size=700))
    def start(self, views: list[Job], data: bytes) -> list[Job]:
        return self.write(views, JobStatus.LAUNCHING, lambda job: KIT.running(job, self.clock.now()), data)

    @rule(target=views, views=views, data=st.binary(max_size=700), clean=st.booleans(), release=st.booleans())
    def finish(self, views: list[Job], data: bytes, clean: bool, release: bool) -> list[Job]:
        def ended(job: Job) -> Job:
            finished = KIT.finished(job, self.clock.now())
            return KIT.clean(finished) if clean else finished

        return self.write(views, JobStatus.RUNNING, ended, data, release=release)

    @rule(target=views, views=views, pause=st.sampled_from([0, 20]))
    def retry(self, views: list[Job], pause: float) -> list[Job]:
        failure = Failure(kind=FailureKind.LOST)
        later = self.clock.now() + seconds(pause)
        return self.write(views, JobStatus.RUNNING, lambda job: lifecycle.retried(job, failure, later))

    @rule(target=views, views=views)
    def clean_up(self, views: list[Job]) -> list[Job]:
        ended = [job for job in views if job.execution is not None and not job.status.is_live]
        return self.write(ended, None, KIT.clean, release=True)

    @rule(job_id=jobs)
    def restart(self, job_id: object) -> None:
        job = self.store.get(job_id)
        if job.status.is_terminal and job.worker is None:
            self.write([job], job.status, lambda job: lifecycle.restarted(job, self.clock.now()))
            assert self.known[job_id].job.cancel_requested_at is None

    @rule(job_id=jobs)
    def cancel(self, job_id: object) -> None:
        self.store.request_cancel([job_id], self.clock.now())
        known = self.known[job_id]
        if not known.job.status.is_terminal and known.job.cancel_requested_at is None:
            known.job = attrs.evolve(known.job, cancel_requested_at=self.clock.now())

    @rule()
    def delete(self) -> None:
        gone = [
            job_id
            for job_id, known in self.known.items()
            if known.job.status.is_terminal
            and not known.job.needs_attention
            and known.job.worker is None
            and known.job.finished_at < self.clock.now()
        ]
        assert self.store.delete_finished(self.clock.now()) == len(gone)
        for job_id in gone:
            del self.known[job_id]

    def write(self, views, status, change, data=b"", capacity=None, release=False, charges=()):
        """Write from outdated or right views: what the model lets through, and nothing else, must be stored."""
        seen = [job for job in views if status is None or job.status is status]
        records, expected, after = [], [], []
        for job in seen:
            known = self.known.get(job.id)
            changed = change(job)
            total = b"".join(known.output.get(a, b"") for a in [changed.attempt]) if known else b""
            logs = (StoredLog(stream=Stream.STDOUT, offset=len(total), data=data),) if data else ()
            records.append(
                Record(job=changed, expect=status, capacity=capacity, charges=charges, logs=logs, release=release)
            )
            expected.append(self.apply(records[-1], data))
            after.append(self.known[job.id].job if expected[-1] == RecordOutcome.STORED else job)
        assert list(self.store.record_many(records)) == expected
        return after

    def apply(self, record: Record, data: bytes) -> str:
        job, known = record.job, self.known.get(record.job.id)
        if known is None or (known.job.worker, known.job.epoch) != (job.worker, job.epoch):
            return RecordOutcome.FENCED
        if record.expect not in (None, known.job.status):
            return RecordOutcome.FENCED
        if record.capacity is not None and job.status is JobStatus.LAUNCHING:
            others = [other.job for other in self.known.values() if other.job.id != job.id]
            if sum(other.status.is_live and other.host == job.host for other in others) >= record.capacity:
                return RecordOutcome.NO_CAPACITY
        balances = dict(self.balances)
        for charge in record.charges:
            balances[charge.account] += charge.amount
            if charge.cap is not None and balances[charge.account] > charge.cap:
                return RecordOutcome.NO_BUDGET
        self.balances = balances
        is_restart = known.job.status.is_terminal and job.status is JobStatus.PENDING
        is_done = job.status.is_terminal and not job.needs_attention
        known.job = attrs.evolve(
            job,
            requested_host=known.job.requested_host,
            cancel_requested_at=None if is_restart else known.job.cancel_requested_at,
            worker=None if record.release or is_done else job.worker,
        )
        if job.execution is not None:
            known.past[job.attempt] = job.execution
        known.output[job.attempt] = known.output.get(job.attempt, b"") + data
        return RecordOutcome.STORED

    def give_back(self, worker: str) -> None:
        self.alive.pop(worker, None)
        for known in self.known.values():
            if known.job.worker == worker:
                known.job = attrs.evolve(known.job, worker=None)

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        jobs = sorted((known.job for known in self.known.values()), key=lambda job: job.created_at, reverse=True)
        assert list(self.store.list(JobQuery(limit=1000))) == jobs
        for known in self.known.values():
            assert list(self.store.executions(known.job.id)) == [known.past[attempt] for attempt in sorted(known.past)]
            for attempt, output in known.output.items():
                whole = output
                if len(output) > LIMIT:
                    whole = output[:512] + gap_marker(len(output) - LIMIT) + output[-512:]
                assert KIT.read(self.store, known.job.id, attempt=attempt) == whole

    @invariant()
    def the_accounts_are_as_the_model(self) -> None:
        assert self.store.balances(ACCOUNTS) == self.balances

    @invariant()
    def what_is_counted_agrees(self) -> None:
        counted: dict[object, int] = {}
        live: dict[object, int] = {}
        for job in (known.job for known in self.known.values()):
            counted[job.status, job.host] = counted.get((job.status, job.host), 0) + 1
            if job.status.is_live:
                live[job.host] = live.get(job.host, 0) + 1
        assert dict(self.store.count()) == counted
        assert {host: jobs for host, jobs in self.store.live_by_host().items() if jobs} == live

    def teardown(self) -> None:
        self.store.close()
