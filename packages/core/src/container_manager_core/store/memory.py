"""Jobs in this process's memory: for tests, and for work that need not outlive the process."""

import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from uuid import UUID, uuid4

import attrs

from container_manager_core.clock import Clock
from container_manager_core.copying import copy_with
from container_manager_core.costs.sums import CostQuery, CostSum, sum_up
from container_manager_core.errors import InvalidInput, NotFound
from container_manager_core.executor import Stream
from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.secrets import Secret
from container_manager_core.serialising import refuse_clear_secrets
from container_manager_core.store.logs import Chunk, Retention
from container_manager_core.store.protocol import (
    ADDED_AT_ONCE,
    GLANCE_SECONDS,
    Claim,
    JobQuery,
    LogSlice,
    Record,
    RecordOutcome,
    Signals,
    StoredLog,
)


class _Output:
    """One stream of one attempt."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.total = 0

    def append(self, piece: StoredLog, retention: Retention) -> None:
        self.chunks.extend(retention.split(self.total, piece.offset, piece.data))
        if self.chunks:
            self.total = self.chunks[-1].end
        gap_start, gap_end = retention.gap(self.total)
        first = last = bisect_left(self.chunks, gap_start, key=attrgetter("offset"))
        while last < len(self.chunks) and self.chunks[last].end <= gap_end:
            last += 1
        del self.chunks[first:last]

    def from_offset(self, offset: int) -> Iterator[Chunk]:
        first = max(bisect_right(self.chunks, offset, key=attrgetter("offset")) - 1, 0)
        return (self.chunks[number] for number in range(first, len(self.chunks)))


class _Entry:
    def __init__(self, number: int, job: Job) -> None:
        self.number = number
        self.job = job
        self.executions: dict[int, Execution] = {}
        self.output: dict[tuple[int, Stream], _Output] = {}
        self.watched_until: datetime | None = None
        self.keep(job)

    def keep(self, job: Job) -> None:
        self.job = job
        if job.execution is not None:
            self.executions[job.execution.attempt] = job.execution

    def is_ready(self, now: datetime) -> bool:
        job = self.job
        due = max((time for time in (job.scheduled_at, job.not_before) if time is not None), default=now)
        return job.worker is None and (due <= now or job.cancel_requested_at is not None)


def _is_overdue(job: Job, now: datetime) -> bool:
    return job.queue_deadline is not None and job.queue_deadline <= now


class MemoryStore:
    """A store in memory. Safe for several threads of one process; gone when the process ends.

    Args:
        clock: judges leases and due times.
    """

    url = "memory:"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._installation_id = uuid4().hex
        self._entries: dict[UUID, _Entry] = {}
        self._pending: set[UUID] = set()
        self._attention: set[UUID] = set()
        self._leased: set[UUID] = set()
        self._workers: dict[str, datetime] = {}
        self._balances: dict[str, Decimal] = {}
        self._added = 0
        self._changes = 0

    @property
    def added_at_once(self) -> int:
        return ADDED_AT_ONCE

    def installation_id(self) -> str:
        return self._installation_id

    def add_many(self, jobs: Iterable[Job]) -> None:
        with self._lock:
            seen: set[UUID] = set()
            for job in jobs:
                refuse_clear_secrets(job.spec)
                if job.id in self._entries or job.id in seen:
                    raise InvalidInput("job.id", f"{str(job.id)!r} is taken", "make a new one for each job")
                seen.add(job.id)
            for job in jobs:
                self._added += 1
                entry = self._entries[job.id] = _Entry(self._added, job)
                self._sort_in(entry)
            self._changes += 1

    def get(self, job_id: UUID) -> Job:
        with self._lock:
            return self._entry(job_id).job

    def find(self, prefix: str) -> Sequence[UUID]:
        wanted = prefix.lower().replace("-", "")
        with self._lock:
            return sorted(job_id for job_id in self._entries if job_id.hex.startswith(wanted))[:2]

    def list(self, query: JobQuery) -> Sequence[Job]:
        with self._lock:
            jobs = [entry.job for entry in self._entries.values() if _matches(entry.job, query)]
        return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)[: query.limit]

    def count(self) -> Mapping[tuple[JobStatus, str | None], int]:
        with self._lock:
            return Counter((entry.job.status, entry.job.host) for entry in self._entries.values())

    def live_by_host(self) -> Mapping[str, int]:
        with self._lock:
            return Counter(job.host for job in self._jobs(self._attention) if job.status.is_live and job.host)

    def executions(self, job_id: UUID) -> Sequence[Execution]:
        with self._lock:
            entry = self._entry(job_id)
            return [entry.executions[attempt] for attempt in sorted(entry.executions)]

    def heartbeat(self, worker: str, lease_seconds: float) -> None:
        with self._lock:
            self._workers[worker] = self._clock.now() + timedelta(seconds=lease_seconds)

    def claim(self, claim: Claim) -> Sequence[Job]:
        with self._lock:
            now = self._clock.now()
            for worker in [worker for worker, until in self._workers.items() if until <= now]:
                self._give_back(worker)
            if claim.worker not in self._workers:
                return []
            overdue = self._overdue(claim, now)
            ready = [entry for entry in self._ready(claim, now) if entry not in overdue]
            taken = [*self._orphans(claim), *overdue, *ready]
            for entry in taken:
                self._put(entry, copy_with(entry.job, worker=claim.worker, epoch=entry.job.epoch + 1))
            return [entry.job for entry in taken]

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        with self._lock:
            return [self._record(record) for record in records]

    def release(self, worker: str) -> None:
        with self._lock:
            self._give_back(worker)

    def request_cancel(self, job_ids: Sequence[UUID], now: datetime) -> None:
        with self._lock:
            for job_id in job_ids:
                entry = self._entries.get(job_id)
                if entry and not entry.job.status.is_terminal and entry.job.cancel_requested_at is None:
                    self._put(entry, copy_with(entry.job, cancel_requested_at=now))

    def request_move(self, job_ids: Sequence[UUID], host: str) -> None:
        with self._lock:
            for entry in [self._entries[job_id] for job_id in job_ids if job_id in self._entries]:
                if not entry.job.status.is_terminal:
                    self._put(entry, copy_with(entry.job, requested_host=host))

    def watch(self, job_id: UUID, until: datetime) -> None:
        with self._lock:
            entry = self._entry(job_id)
            entry.watched_until = max(until, entry.watched_until or until)
            self._changes += 1

    def leased(self, worker: str) -> Sequence[Job]:
        with self._lock:
            return [job for job in self._jobs(self._leased) if job.worker == worker]

    def signals(self, worker: str) -> Signals:
        with self._lock:
            now = self._clock.now()
            held = [self._entries[job_id] for job_id in self._leased]
            held = [entry for entry in held if entry.job.worker == worker and not entry.job.status.is_terminal]
            return Signals(
                cancel=frozenset(entry.job.id for entry in held if entry.job.cancel_requested_at),
                move=frozenset(entry.job.id for entry in held if entry.job.is_elsewhere),
                watched=frozenset(entry.job.id for entry in held if entry.watched_until and entry.watched_until > now),
            )

    def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        with self._lock:
            return {account: self._balances.get(account, Decimal(0)) for account in accounts}

    def accounts(self, beginning: str) -> Mapping[str, Decimal]:
        with self._lock:
            return {name: self._balances[name] for name in sorted(self._balances) if name.startswith(beginning)}

    def costs(self, query: CostQuery) -> Sequence[CostSum]:
        with self._lock:
            entries = self._entries.values()
            attempts = [(entry.job, attempt) for entry in entries for attempt in entry.executions.values()]
        return sum_up(query, attempts)

    def replace_secrets(self, secrets: Mapping[UUID, Mapping[str, Secret]]) -> None:
        with self._lock:
            for job_id, sealed in secrets.items():
                entry = self._entries.get(job_id)
                if entry is not None:
                    spec = attrs.evolve(entry.job.spec, secrets=sealed)
                    refuse_clear_secrets(spec)
                    self._put(entry, copy_with(entry.job, spec=spec))

    def read_logs(
        self, job_id: UUID, stream: Stream, *, attempt: int | None = None, offset: int = 0, limit: int = 1_048_576
    ) -> LogSlice:
        with self._lock:
            entry = self._entry(job_id)
            output = entry.output.get((entry.job.attempt if attempt is None else attempt, stream))
            if output is None:
                return LogSlice(data=b"", next_offset=offset)
            retention = Retention.of_spec(entry.job.spec)
            return retention.read(output.from_offset(offset), output.total, offset, limit)

    def changed(self, since: object | None) -> tuple[object, bool]:
        token = self._changes
        return token, token != since

    @property
    def glance_seconds(self) -> float:
        return GLANCE_SECONDS

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """See the protocol. Nothing is told: a look is cheap."""
        return lambda: None

    def delete_finished(self, before: datetime) -> int:
        with self._lock:
            gone = [entry.job.id for entry in self._entries.values() if _is_over(entry.job, before)]
            for job_id in gone:
                del self._entries[job_id]
            self._changes += bool(gone)
            return len(gone)

    def close(self) -> None:
        """Nothing to give back: the jobs stay as long as the store does."""

    def _entry(self, job_id: UUID) -> _Entry:
        try:
            return self._entries[job_id]
        except KeyError:
            raise NotFound("job", f"there is no job {str(job_id)!r}", "list the jobs to see their ids") from None

    def _jobs(self, job_ids: Iterable[UUID]) -> Iterator[Job]:
        return (self._entries[job_id].job for job_id in job_ids)

    def _put(self, entry: _Entry, job: Job) -> None:
        entry.keep(job)
        self._sort_in(entry)
        self._changes += 1

    def _sort_in(self, entry: _Entry) -> None:
        job = entry.job
        for group, belongs in (
            (self._pending, job.status is JobStatus.PENDING),
            (self._attention, job.needs_attention),
            (self._leased, job.worker is not None),
        ):
            group.add(job.id) if belongs else group.discard(job.id)

    def _give_back(self, worker: str) -> None:
        self._workers.pop(worker, None)
        for job_id in list(self._leased):
            entry = self._entries[job_id]
            if entry.job.worker == worker:
                self._put(entry, copy_with(entry.job, worker=None))

    def _orphans(self, claim: Claim) -> Sequence[_Entry]:
        entries = [self._entries[job_id] for job_id in self._attention if _is_among(job_id, claim)]
        entries = [entry for entry in entries if entry.job.worker is None]
        if claim.known_hosts is not None:
            entries = [entry for entry in entries if entry.job.host in claim.known_hosts]
        if claim.only_hosts is not None:
            entries = [entry for entry in entries if entry.job.host in claim.only_hosts]
        return sorted(entries, key=lambda entry: (entry.job.created_at, entry.number))

    def _overdue(self, claim: Claim, now: datetime) -> Sequence[_Entry]:
        entries = [self._entries[job_id] for job_id in self._pending - self._attention if _is_among(job_id, claim)]
        entries = [entry for entry in entries if entry.job.worker is None and _is_overdue(entry.job, now)]
        if claim.only_hosts is not None:
            entries = [entry for entry in entries if entry.job.requested_host in claim.only_hosts]
        return sorted(entries, key=lambda entry: (entry.job.queue_deadline, entry.number))

    def _ready(self, claim: Claim, now: datetime) -> Sequence[_Entry]:
        if not claim.pending or claim.limit <= 0:
            return []
        entries = [self._entries[job_id] for job_id in self._pending - self._attention if _is_among(job_id, claim)]
        entries = [entry for entry in entries if entry.is_ready(now)]
        entries = [entry for entry in entries if entry.job.requested_host not in claim.avoid_hosts]
        if claim.only_hosts is not None:
            entries = [entry for entry in entries if entry.job.requested_host in claim.only_hosts]
        entries.sort(key=lambda entry: (-entry.job.priority, entry.job.created_at, entry.number))
        return entries[: claim.limit]

    def _record(self, record: Record) -> str:
        entry, job = self._entries.get(record.job.id), record.job
        if entry is None or (entry.job.worker, entry.job.epoch) != (job.worker, job.epoch):
            return RecordOutcome.FENCED
        if record.expect is not None and entry.job.status is not record.expect:
            return RecordOutcome.FENCED
        if self._is_full(record):
            return RecordOutcome.NO_CAPACITY
        if not self._charge(record):
            return RecordOutcome.NO_BUDGET
        restarted = entry.job.status.is_terminal and job.status is JobStatus.PENDING
        released = record.release or (job.status.is_terminal and not job.needs_attention)
        self._put(
            entry,
            copy_with(
                job,
                spec=entry.job.spec,
                requested_host=entry.job.requested_host,
                cancel_requested_at=None if restarted else entry.job.cancel_requested_at,
                worker=None if released else job.worker,
            ),
        )
        retention = Retention.of_spec(entry.job.spec)
        for piece in record.logs:
            entry.output.setdefault((job.attempt, piece.stream), _Output()).append(piece, retention)
        return RecordOutcome.STORED

    def _is_full(self, record: Record) -> bool:
        job = record.job
        if record.capacity is None or job.status is not JobStatus.LAUNCHING:
            return False
        others = self._jobs(self._attention - {job.id})
        return sum(other.status.is_live and other.host == job.host for other in others) >= record.capacity

    def _charge(self, record: Record) -> bool:
        balances = self.balances([charge.account for charge in record.charges])
        after = dict(balances)
        for charge in record.charges:
            after[charge.account] += charge.amount
            if charge.cap is not None and after[charge.account] > charge.cap:
                return False
        self._balances.update(after)
        return True


def _is_among(job_id: UUID, claim: Claim) -> bool:
    return claim.only_jobs is None or job_id in claim.only_jobs


def _is_over(job: Job, before: datetime) -> bool:
    if not job.status.is_terminal or job.needs_attention or job.worker is not None:
        return False
    return job.finished_at is not None and job.finished_at < before


def _matches(job: Job, query: JobQuery) -> bool:
    wishes = (
        not query.statuses or job.status in query.statuses,
        query.host is None or job.host == query.host,
        query.name is None or job.name == query.name,
        query.label is None or job.spec.labels.get(query.label[0]) == query.label[1],
        query.user is None or job.created_by == query.user,
        query.ids is None or job.id in query.ids,
        query.before is None or (job.created_at, job.id) < query.before,
    )
    return all(wishes)
