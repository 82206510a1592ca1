"""Taking on pending jobs: claiming what there is room for, and sending each to a host."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import attrs

from container_manager_core import lifecycle
from container_manager_core.amounts import amount_text
from container_manager_core.budgeting import Budgeting
from container_manager_core.clock import Clock
from container_manager_core.compliance import Compliance
from container_manager_core.config import WorkerSettings
from container_manager_core.copying import copy_with
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.fleet import Fleet
from container_manager_core.headcount import Headcount
from container_manager_core.host import Host
from container_manager_core.job import Job, JobStatus, Route
from container_manager_core.log import get_logger
from container_manager_core.policy import Violation
from container_manager_core.recorder import Recorder
from container_manager_core.routing import Refusal, Router
from container_manager_core.store.protocol import Claim, JobStore, Record, RecordOutcome

_log = get_logger()

LONGEST_WAIT_SECONDS = 1.0
IDLE_POLLS = 3
"""Poll intervals after which a worker that finds nothing to do looks whether there are other hosts."""


@attrs.frozen(kw_only=True)
class TakenOn:
    """What a claim brought.

    Attributes:
        placed: jobs whose launch is decided and stored, to be launched now.
        adopted: jobs that another worker left behind.
        idle: whether there was nothing at all, as far as there were places to take anything on for.
        look_again_seconds: when a job that had to wait may be tried again; None without one.
    """

    placed: Sequence[Job] = ()
    adopted: Sequence[Job] = ()
    idle: bool = True
    look_again_seconds: float | None = None


@attrs.frozen(kw_only=True)
class Placement:
    """Claims jobs for one worker and decides where they go.

    Attributes:
        worker: its id.
        store, recorder, fleet, router, budgeting, compliance, settings, clock: what it works with.
        only_hosts, only_jobs: the worker's restrictions.
        impatient: end a job as failed when no host answers, rather than wait for one.
    """

    worker: str
    store: JobStore
    recorder: Recorder
    fleet: Fleet
    router: Router
    budgeting: Budgeting
    compliance: Compliance
    settings: WorkerSettings
    clock: Clock
    only_hosts: frozenset[str] | None = None
    only_jobs: frozenset[UUID] | None = None
    impatient: bool = False
    _headcount: Headcount = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: Headcount(self.store, self.router, self.clock, self.settings.poll_interval_seconds),
            takes_self=True,
        ),
    )

    def take_on(self, room: int, thorough: bool) -> TakenOn:
        """Claim jobs for the free places, and store where each goes.

        Args:
            room: free places of the worker.
            thorough: also take jobs that no host has room for now, so that each says why it waits.
        """
        if thorough:
            self.fleet.refresh(IDLE_POLLS * self.settings.poll_interval_seconds)
        if thorough or room <= 0:
            self.router.hosts_changed()
        else:
            self._headcount.look(room, self.only_hosts)
        limit = max(0, room if thorough else min(room, self.router.free_places(self.only_hosts)))
        claimed = self.store.claim(
            Claim(
                worker=self.worker,
                limit=limit,
                avoid_hosts=frozenset() if thorough else self.router.closed_hosts(self.only_hosts),
                only_hosts=self.only_hosts,
                only_jobs=self.only_jobs,
                known_hosts=self.router.host_names,
                pending=limit > 0,
            )
        )
        if thorough and claimed:
            # Only now: most of these looks find nothing, and an idle worker is to leave the store alone.
            self.fleet.refresh()
            self._headcount.count()
        return attrs.evolve(self._sort_out(claimed), idle=limit > 0 and not claimed)

    def take_back(self, known: Callable[[UUID], bool]) -> TakenOn:
        """Take on what the store says that this worker holds, but the worker does not know of.

        A claim or a decision may have been stored although the store's answer was an error.

        Args:
            known: whether the worker has a job in its hands.
        """
        unknown = [job for job in self.store.leased(self.worker) if not known(job.id)]
        self._headcount.count()
        return self._sort_out(unknown)

    def _sort_out(self, claimed: Sequence[Job]) -> TakenOn:
        stored = self._place([job for job in claimed if not job.needs_attention])
        return TakenOn(
            placed=[job for job in stored if job.status is JobStatus.LAUNCHING],
            adopted=[job for job in claimed if job.needs_attention],
            idle=not claimed,
            look_again_seconds=self._wait if any(job.status is JobStatus.PENDING for job in stored) else None,
        )

    @property
    def _wait(self) -> float:
        return min(LONGEST_WAIT_SECONDS, self.settings.poll_interval_seconds)

    def _place(self, jobs: Sequence[Job]) -> list[Job]:
        """Decide and store for all at once; those that find their host full after all try the next one."""
        full = frozenset[str]()
        stored: list[Job] = []
        while jobs:
            now = self.clock.now()
            self.budgeting.look(jobs, now)
            records = [self._decide(job, now, full) for job in jobs]
            outcomes = self.recorder.record_many(records)
            refused = []
            for job, record, outcome in zip(jobs, records, outcomes, strict=True):
                if outcome != RecordOutcome.STORED and record.capacity is not None:
                    self.router.give_back(record.job.host or "")
                if outcome == RecordOutcome.NO_CAPACITY:
                    self._headcount.doubt()
                    refused.append(job)
                    full |= {record.job.host or ""}
                elif outcome == RecordOutcome.NO_BUDGET:
                    refused.append(job)
                elif outcome == RecordOutcome.STORED:
                    self._tell(job, record.job)
                    stored.append(record.job)
            jobs = refused
        return stored

    def _decide(self, job: Job, now: datetime, full: frozenset[str]) -> Record:
        failure = _why_not_at_all(job, now)
        if failure is not None:
            return self._end(job, failure, now)
        violation = self.compliance.violation(job)
        if violation is not None:
            return self._refuse(job, violation, now)
        decision = self.router.decide(job, now, full)
        if isinstance(decision, Route):
            return self._launch(job, self.fleet.host(decision.host or ""), decision, now)
        failure = self._failure_of(decision)
        if failure is not None:
            return self._end(copy_with(job, route=decision.route), failure, now)
        return self._defer(job, decision.reason, now, decision.route)

    def _refuse(self, job: Job, violation: Violation, now: datetime) -> Record:
        """The policy, or the job's plugins, may have changed since the job was submitted."""
        if violation.passing:
            return self._defer(job, str(violation), now)
        return self._end(job, Failure(kind=FailureKind.POLICY, message=str(violation)), now)

    def _defer(self, job: Job, reason: str, now: datetime, route: Route | None = None) -> Record:
        after = lifecycle.deferred(job, reason, now + timedelta(seconds=self._wait), route)
        return Record(job=after, expect=job.status, release=True)

    def _launch(self, job: Job, host: Host, route: Route, now: datetime) -> Record:
        reservation = self.budgeting.reserve(job, host, now)
        after = lifecycle.launching(
            job,
            host,
            route,
            now,
            reserved=reservation.reserved,
            accounts=tuple(charge.account for charge in reservation.charges),
            paid_seconds=reservation.paid_seconds,
        )
        after = copy_with(after, estimated_cost=(job.actual_cost or Decimal(0)) + reservation.estimated)
        return Record(job=after, expect=job.status, capacity=host.max_concurrent_jobs, charges=reservation.charges)

    def _end(self, job: Job, failure: Failure, now: datetime) -> Record:
        after = lifecycle.finished(job, lifecycle.status_of(failure), now, failure)
        return Record(job=after, expect=job.status, release=True)

    def _failure_of(self, refusal: Refusal) -> Failure | None:
        if refusal.permanent:
            return Failure(kind=FailureKind.SPEC, message=refusal.reason)
        if self.impatient and not refusal.full:
            return Failure(kind=FailureKind.PLATFORM, message=refusal.reason, retryable=True)
        return None

    def _tell(self, before: Job, after: Job) -> None:
        if before.status is not after.status:
            self.recorder.announce(after, before.status)
            for budget, spent in self.budgeting.nearly_used(after):
                self.recorder.warn(budget, spent, after)
        elif before.waiting != after.waiting:
            _log.info("job.waits", job_id=str(after.id), reason=after.waiting)


def _why_not_at_all(job: Job, now: datetime) -> Failure | None:
    """Why a pending job is not to be started any more."""
    if job.cancel_requested_at is not None:
        return Failure(kind=FailureKind.CANCELLED, message="somebody asked for it to be stopped")
    if job.spec.max_cost and job.actual_cost is not None and job.actual_cost >= job.spec.max_cost:
        spent, most = amount_text(job.actual_cost), amount_text(job.spec.max_cost)
        return Failure(
            kind=FailureKind.BUDGET,
            message=f"its attempts have cost {spent}, and it may cost {most}",
            hint="raise its max_cost",
        )
    if job.queue_deadline is None or now < job.queue_deadline:
        return None
    return Failure(
        kind=FailureKind.TIMEOUT,
        message=f"it waited longer than its limit of {job.spec.queue_timeout_seconds:g} s for a first start",
        hint="raise the queue timeout, or add hosts",
    )
