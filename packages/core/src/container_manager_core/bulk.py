"""Many jobs at once: in batches, with progress; what was interrupted goes on where it stopped when it is repeated."""

import threading
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import islice
from typing import TypeVar
from uuid import UUID, uuid4, uuid5

import attrs

from container_manager_core import lifecycle
from container_manager_core.acceptance import Acceptance, Submission
from container_manager_core.clock import Clock
from container_manager_core.errors import ExecutorError, IllegalTransition
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.fleet import Fleet
from container_manager_core.job import TERMINAL, Job, JobStatus
from container_manager_core.on_demand import OnDemand
from container_manager_core.plugins import Plugins
from container_manager_core.store.protocol import JobQuery, JobStore, Record, RecordOutcome

BATCH = 500
HELD_PAUSE_SECONDS = 0.05
HELD_TRIES = 100
UNFINISHED = tuple(status for status in JobStatus if status not in TERMINAL)
_BATCHES = UUID("6f9c5f5e-4c1b-4d6f-9a52-7a2c0c9e3b10")

T = TypeVar("T")

OnBatch = Callable[[int, int], None]
"""Takes how many jobs are done, and how many there are."""


@attrs.frozen(kw_only=True)
class BulkResult:
    """What an operation on many jobs came to.

    Attributes:
        done: the jobs that were changed.
        left: the jobs that were not, each with the reason.
    """

    done: tuple[UUID, ...] = ()
    left: tuple[tuple[UUID, str], ...] = ()


@attrs.frozen(kw_only=True)
class Bulk:
    """The operations on many jobs. A policy's ``max_jobs`` is asked before the first is touched.

    A query's ``limit`` and ``before`` do not count: all that match are meant.

    Attributes:
        store, plugins, acceptance, clock: what it works with.
        fleet: gives the hosts, when they are needed.
    """

    store: JobStore
    fleet: Callable[[], Fleet]
    plugins: Plugins
    acceptance: Acceptance
    clock: Clock

    def submit(
        self, wanted: Sequence[Submission], batch: str | None = None, on_batch: OnBatch | None = None
    ) -> Sequence[Job]:
        """Accept many jobs: a durable write for each of the store's `added_at_once`, and none before all were checked.

        Args:
            batch: a name for all of them. With it each has an id of its own that follows from its place in
                the batch, so that submitting the batch again stores only what is missing.

        Returns:
            The jobs that were stored now.
        """
        self.acceptance.compliance.policy.check_count(len(wanted))
        ids = None if batch is None else [self._id(batch, number) for number in range(len(wanted))]
        jobs = self.acceptance.accept(wanted, (uuid4() for _ in wanted) if ids is None else ids)
        listens = self.plugins.hook.container_manager_job_changed.get_hookimpls()
        stored: list[Job] = []
        for done, part in _parts(range(len(wanted)), self.store.added_at_once):
            known = set() if ids is None else self._known(ids[part[0] : done])
            # Made as the store reads them, while its server takes in those before.
            missing = OnDemand(job for job in islice(jobs, len(part)) if job.id not in known)
            self.store.add_many(missing)
            if listens:
                for job in missing:
                    self.announce(job, None)
            stored += missing
            _tell(on_batch, done, len(wanted))
        return stored

    def cancel(self, query: JobQuery, on_batch: OnBatch | None = None) -> BulkResult:
        """Ask for the unfinished jobs of a query to be stopped; those that nobody holds are cancelled at once."""
        ids = self._select(query, UNFINISHED)
        for done, part in _parts(ids):
            self.store.request_cancel(part, self.clock.now())
            failure = Failure(kind=FailureKind.CANCELLED, message="somebody asked for it to be stopped")
            self._write(
                [
                    (job, lifecycle.finished(job, JobStatus.CANCELLED, self.clock.now(), failure))
                    for job in self._jobs(part)
                    if job.status is JobStatus.PENDING and job.worker is None and not job.needs_attention
                ]
            )
            _tell(on_batch, done, len(ids))
        return BulkResult(done=tuple(ids))

    def restart(self, query: JobQuery, on_batch: OnBatch | None = None) -> BulkResult:
        """Make the finished jobs of a query pending again. One that a worker still cleans up is waited for."""
        ids = self._select(query, tuple(sorted(TERMINAL)))
        changed: list[UUID] = []
        left: list[tuple[UUID, str]] = []
        for done, part in _parts(ids):
            remaining = self._restart(part)
            changed += [job_id for job_id in part if job_id not in remaining]
            left += list(remaining.items())
            _tell(on_batch, done, len(ids))
        return BulkResult(done=tuple(changed), left=tuple(left))

    def move(self, query: JobQuery, host: str, on_batch: OnBatch | None = None) -> BulkResult:
        """Have the unfinished jobs of a query run on a host, and nowhere else from now on.

        A pending one is sent there; a running one is stopped, and its next attempt follows there. One that the
        host cannot run is left where it is.

        Raises:
            NotFound: no host is called so.
        """
        fleet = self.fleet()
        fleet.refresh()
        fleet.host(host)
        ids = self._select(query, UNFINISHED)
        moved: list[UUID] = []
        left: list[tuple[UUID, str]] = []
        for done, part in _parts(ids):
            jobs = self._jobs(part)
            unable = {job.id: reason for job in jobs if (reason := _why_not(fleet, host, job)) is not None}
            able = [job.id for job in jobs if job.id not in unable]
            self.store.request_move(able, host)
            moved += able
            left += [(job_id, f"{host} cannot run it: {reason}") for job_id, reason in unable.items()]
            _tell(on_batch, done, len(ids))
        return BulkResult(done=tuple(moved), left=tuple(left))

    def announce(self, job: Job, previous: JobStatus | None) -> None:
        """Tell the hooks of a move that was stored."""
        self.plugins.tell("container_manager_job_changed", job=job, previous=previous)

    def _known(self, ids: Sequence[UUID]) -> Set[UUID]:
        """Those that are stored already."""
        return {job.id for _, some in _parts(ids) for job in self._jobs(some)}

    def _id(self, batch: str, number: int) -> UUID:
        return uuid5(_BATCHES, f"{self.store.installation_id()} {batch} {number}")

    def _select(self, query: JobQuery, statuses: tuple[JobStatus, ...]) -> Sequence[UUID]:
        """The ids of a query that have one of these statuses, the newest first; the policy's limit is asked."""
        wanted = tuple(status for status in statuses if not query.statuses or status in query.statuses)
        ids = [job.id for job in self._all(attrs.evolve(query, statuses=wanted))] if wanted else []
        self.acceptance.compliance.policy.check_count(len(ids))
        return ids

    def _all(self, query: JobQuery) -> Iterator[Job]:
        for _, some in _parts(query.ids) if query.ids is not None else [(0, None)]:
            page = attrs.evolve(query, ids=some, limit=BATCH, before=None)
            while found := self.store.list(page):
                yield from found
                page = attrs.evolve(page, before=(found[-1].created_at, found[-1].id))

    def _jobs(self, ids: Sequence[UUID]) -> Sequence[Job]:
        return self.store.list(JobQuery(ids=ids, limit=len(ids)))

    def _restart(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Restart them; those that could not be, with the reason."""
        remaining = dict.fromkeys(ids, "it does not exist any more")
        for _ in range(HELD_TRIES):
            moves: list[tuple[Job, Job]] = []
            for job in self._jobs(list(remaining)):
                remaining[job.id] = f"worker {job.worker} holds it"
                if job.worker is None:
                    try:
                        moves.append((job, lifecycle.restarted(job, self.clock.now())))
                    except IllegalTransition as error:
                        remaining[job.id] = str(error)
            for job_id in self._write(moves):
                del remaining[job_id]
            if not any(reason.startswith("worker ") for reason in remaining.values()):
                break
            threading.Event().wait(HELD_PAUSE_SECONDS)
        return remaining

    def _write(self, moves: Sequence[tuple[Job, Job]]) -> Sequence[UUID]:
        """Write jobs that nobody holds; the ids of those that were not taken by a worker meanwhile."""
        outcomes = self.store.record_many([Record(job=after, expect=before.status) for before, after in moves])
        written = [move for move, outcome in zip(moves, outcomes, strict=True) if outcome == RecordOutcome.STORED]
        for before, after in written:
            self.announce(after, before.status)
        return [after.id for _, after in written]


def _why_not(fleet: Fleet, host: str, job: Job) -> str | None:
    try:
        return fleet.why_not(host, job.spec)
    except ExecutorError as error:
        return f"it cannot tell now ({error})"


def _parts(items: Sequence[T], size: int = BATCH) -> Iterator[tuple[int, Sequence[T]]]:
    for start in range(0, len(items), size):
        part = items[start : start + size]
        yield start + len(part), part


def _tell(on_batch: OnBatch | None, done: int, total: int) -> None:
    if on_batch is not None:
        on_batch(done, total)
