"""The loop that moves jobs along. It decides when; the operations do."""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from container_manager_core import lifecycle
from container_manager_core.errors import ContainerManagerError, ExecutorError, LeaseLost, StoreUnavailable
from container_manager_core.executor import ExecutionState, ExecutionStatus
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.held import Held, Step
from container_manager_core.job import Job, JobStatus, Route, StopReason
from container_manager_core.lanes import Lane, Lanes
from container_manager_core.listening import Listeners
from container_manager_core.log import get_logger
from container_manager_core.operations import Operations
from container_manager_core.routing import Refusal, Router
from container_manager_core.store.protocol import Claim, JobQuery, Record, RecordOutcome

_log = get_logger()

STORE_GLANCE_SECONDS = 0.02
REFRESH_SECONDS = 0.2
DETACH_SECONDS = 3.0
LONGEST_STEP_PAUSE_SECONDS = 30.0


class Worker:
    """Claims jobs, starts them, watches them and stores how they end.

    Args:
        operations: what is done with one job.
        router: chooses hosts.
        lanes: run calls to platforms.
        listeners: tell of executions that end; None for polling alone.
        only_hosts: work on these hosts alone.
        only_jobs: work on these jobs alone.
        impatient: end a job as failed when no host answers, rather than wait for one.
    """

    def __init__(
        self,
        operations: Operations,
        router: Router,
        lanes: Lanes,
        listeners: Listeners | None = None,
        *,
        only_hosts: frozenset[str] | None = None,
        only_jobs: frozenset[UUID] | None = None,
        impatient: bool = False,
    ) -> None:
        self.id = operations.lease.worker
        self._operations = operations
        self._store = operations.store
        self._settings = operations.settings
        self._fleet = operations.fleet
        self._clock = operations.clock
        self._router = router
        self._lanes = lanes
        self._listeners = listeners
        self._only_hosts = only_hosts
        self._only_jobs = only_jobs
        self._impatient = impatient
        self._held: dict[UUID, Held] = {}
        self._by_execution: dict[tuple[str, str], UUID] = {}
        self._early: deque[tuple[str, str]] = deque(maxlen=4096)
        self._deadlines: list[tuple[float, UUID, int]] = []
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._token: object | None = None
        self._claim_at = 0.0
        self._look_at = 0.0
        self._refresh_at = 0.0
        self._idle = False
        self._looking: set[str] = set()
        self._checking: set[str] = set()
        self._store_down_until = 0.0

    def run(self, *, once: bool = False, drain: bool = False) -> None:
        """Work until `stop` is called.

        Args:
            once: end when nothing that is due is left to be started and all that was started has ended.
            drain: end when the store holds nothing unfinished but what is scheduled for later.
        """
        finishes = once or drain
        _log.info("worker.started", worker=self.id, max_concurrent_jobs=self._settings.max_concurrent_jobs)
        self._operations.lease.start()
        try:
            while not self._stop.is_set() or (finishes and self._held):
                self.step()
                if finishes and not self._held and self._is_done(drain):
                    break
                self._wake.wait(self._pause())
                self._wake.clear()
        finally:
            self._detach()

    def stop(self) -> None:
        """End soon: containers go on running and the next worker adopts them. Safe in a signal handler.

        A worker that was started to finish (once, drain) takes on nothing new and finishes first.
        """
        self._stop.set()
        self._wake.set()

    def step(self) -> None:
        """One pass: take in what happened, take on jobs, start what is due. Blocks on the store alone."""
        self._take_in()
        try:
            self._consult_store()
        except StoreUnavailable as error:
            self._store_down_until = self._clock.monotonic() + 1.0
            _log.warning("store.unavailable", error=str(error), worker=self.id)
        self._look_around()
        self._enforce_deadlines()
        self._start_steps()

    @property
    def held_jobs(self) -> Sequence[Job]:
        """The jobs in this worker's hands."""
        return [held.job for held in self._held.values()]

    def _take_in(self) -> None:
        while self._inbox:
            self._inbox.popleft()()

    def _post(self, happening: Callable[[], None]) -> None:
        """Have something done by the loop; called from any thread."""
        self._inbox.append(happening)
        self._wake.set()

    # What the store has for us.

    def _consult_store(self) -> None:
        now = self._clock.monotonic()
        if now < self._store_down_until:
            return
        token, changed = self._store.changed(self._token)
        due = now >= self._claim_at
        if not (changed or due):
            return
        self._token = token
        if due:
            self._claim_at = now + self._settings.poll_interval_seconds
        self._operations.lease.renew_if_due()
        self._heed_signals()
        if not self._stop.is_set():
            self._take_on(thorough=due)

    def _heed_signals(self) -> None:
        if not self._held:
            return
        signals = self._store.signals(self.id)
        for job_id, held in self._held.items():
            held.watched = job_id in signals.watched
            if job_id in signals.cancel:
                held.stop = held.stop or StopReason.CANCELLED

    def _take_on(self, thorough: bool) -> None:
        """Claim what there is room for.

        A thorough look, once every poll interval, also takes jobs that nowhere can run now, so that each
        says why it waits.
        """
        room = self._settings.max_concurrent_jobs - sum(held.works for held in self._held.values())
        live = self._store.live_by_host() if room > 0 else {}
        open_hosts = {name: free for name, free in self._free_places(live).items() if free > 0}
        limit = max(0, room if thorough else min(room, sum(open_hosts.values())))
        claimed = self._store.claim(
            Claim(
                worker=self.id,
                limit=limit,
                avoid_hosts=frozenset() if thorough else frozenset(self._fleet.hosts) - frozenset(open_hosts),
                only_hosts=self._only_hosts,
                only_jobs=self._only_jobs,
                pending=limit > 0,
            )
        )
        self._idle = not claimed
        pending = [self._hold(job) for job in claimed]
        self._place([job for job in pending if job is not None], live)

    def _free_places(self, live: Mapping[str, int]) -> dict[str, int]:
        return {
            host.name: host.max_concurrent_jobs - live.get(host.name, 0)
            for host in self._fleet.hosts.values()
            if host.active
            and self._fleet.state(host.name).usable
            and (self._only_hosts is None or host.name in self._only_hosts)
        }

    def _hold(self, job: Job) -> Job | None:
        """Take over a claimed job; a pending one that is ready to be placed is returned."""
        if not job.needs_attention:
            return job
        held = Held(job)
        if job.execution is not None and job.status.is_live:
            held.stop = job.execution.stop_reason
            _log.info("job.adopted", job_id=str(job.id), status=job.status.value, attempt=job.attempt)
        if job.cancel_requested_at is not None:
            held.stop = held.stop or StopReason.CANCELLED
        self._keep(held)
        self._look_at = 0.0
        return None

    def _place(self, jobs: Sequence[Job], live: Mapping[str, int]) -> None:
        """Send pending jobs to hosts, all in one write; those that were refused for capacity try the next."""
        counts, full = dict(live), frozenset[str]()
        while jobs:
            now = self._clock.now()
            records = [self._decide(job, counts, now, full) for job in jobs]
            outcomes = self._operations.recorder.record_many(records)
            again = []
            for job, record, outcome in zip(jobs, records, outcomes, strict=True):
                if outcome == RecordOutcome.NO_CAPACITY:
                    again.append(job)
                    full |= {record.job.host or ""}
                elif outcome == RecordOutcome.STORED:
                    self._placed(job, record.job)
            jobs = again

    def _decide(self, job: Job, counts: dict[str, int], now: datetime, full: frozenset[str]) -> Record:
        failure = self._why_not_at_all(job, now)
        if failure is None:
            decision = self._router.choose(job, counts, now, full)
            if isinstance(decision, Route):
                host = self._fleet.host(decision.host)
                counts[host.name] = counts.get(host.name, 0) + 1
                after = lifecycle.launching(job, host, decision, now)
                return Record(job=after, expect=job.status, capacity=host.max_concurrent_jobs)
            failure = self._failure_of(decision)
            if failure is None:
                pause = timedelta(seconds=min(1.0, self._settings.poll_interval_seconds))
                after = lifecycle.deferred(job, decision.reason, now + pause)
                self._claim_at = min(self._claim_at, self._clock.monotonic() + pause.total_seconds())
                return Record(job=after, expect=job.status, release=True)
        after = lifecycle.finished(job, lifecycle.status_of(failure), now, failure)
        return Record(job=after, expect=job.status, release=True)

    def _why_not_at_all(self, job: Job, now: datetime) -> Failure | None:
        if job.cancel_requested_at is not None:
            return Failure(kind=FailureKind.CANCELLED, message="somebody asked for it to be stopped")
        limit = job.spec.queue_timeout_seconds
        if limit is not None and job.attempt == 0 and (now - job.queued_at).total_seconds() > limit:
            return Failure(
                kind=FailureKind.TIMEOUT,
                message=f"it waited longer than its limit of {limit:g} s for a first start",
                hint="raise the queue timeout, or add hosts",
            )
        return None

    def _failure_of(self, refusal: Refusal) -> Failure | None:
        if refusal.permanent:
            return Failure(kind=FailureKind.SPEC, message=refusal.reason)
        if self._impatient and not refusal.full:
            return Failure(kind=FailureKind.PLATFORM, message=refusal.reason, retryable=True)
        return None

    def _placed(self, before: Job, after: Job) -> None:
        if before.status is not after.status:
            self._operations.recorder.announce(after, before.status)
        if after.status is JobStatus.LAUNCHING:
            self._keep(Held(after, fresh=True))
        elif after.status is JobStatus.PENDING:
            _log.info("job.waits", job_id=str(after.id), reason=after.waiting)

    def _keep(self, held: Held) -> None:
        self._held[held.job.id] = held
        if self._listeners is not None and held.works:
            self._listeners.listen(held.host, self.on_event)
        self._note_execution(held)
        self._set_deadline(held)

    # What the platforms have for us.

    def _look_around(self) -> None:
        now = self._clock.monotonic()
        for name in self._fleet.checks_due():
            if name not in self._checking and (self._only_hosts is None or name in self._only_hosts):
                self._checking.add(name)
                self._lanes.submit(name, Lane.LOOK, partial(self._check_host, name))
        if now >= self._look_at:
            self._look_at = now + self._settings.poll_interval_seconds
            for name in {held.host for held in self._held.values() if held.job.status is JobStatus.RUNNING}:
                self._look(name)

    def _check_host(self, name: str) -> None:
        health = self._fleet.check(name)
        _log.info("host.checked", host=name, ok=health.ok, message=health.message)

        def done() -> None:
            self._checking.discard(name)
            self._claim_at = 0.0

        self._post(done)

    def _look(self, name: str) -> None:
        """Ask a host how all our executions there are."""
        if name in self._looking:
            return
        ids = [
            held.execution_id
            for held in self._held.values()
            if held.host == name and held.job.status is JobStatus.RUNNING and held.execution_id
        ]
        if ids:
            self._looking.add(name)
            self._lanes.submit(name, Lane.LOOK, partial(self._ask, name, ids))

    def _ask(self, name: str, ids: Sequence[str]) -> None:
        states: Mapping[str, ExecutionState] = {}
        try:
            executor = self._fleet.executor(name)
            states = executor.check_statuses(ids)
            for execution_id, state in states.items():
                if state.status is ExecutionStatus.RUNNING:
                    executor.get_usage(execution_id)
        except ContainerManagerError as error:
            self._fleet.note_failure(name, str(error))
            _log.warning("host.look_failed", host=name, error=str(error))
        self._post(partial(self._looked, name, states))

    def _looked(self, name: str, states: Mapping[str, ExecutionState]) -> None:
        self._looking.discard(name)
        now = self._clock.monotonic()
        for execution_id, state in states.items():
            held = self._find(name, execution_id)
            if held is None:
                continue
            if state.status is ExecutionStatus.NOT_FOUND:
                held.missing_since = now if held.missing_since is None else held.missing_since
                held.lost = now - held.missing_since >= self._settings.lost_grace_seconds
            else:
                held.missing_since = None
                held.ended = held.ended or state.has_ended

    def on_event(self, name: str, execution_id: str | None) -> None:
        """An execution may have ended, any of the host's when no id is given. Called from any thread."""
        self._post(partial(self._heard, name, execution_id))

    def _heard(self, name: str, execution_id: str | None) -> None:
        if execution_id is None:
            self._look(name)
            return
        held = self._find(name, execution_id)
        if held is None:
            self._early.append((name, execution_id))
        else:
            held.ended = True

    def _find(self, name: str, execution_id: str) -> Held | None:
        job_id = self._by_execution.get((name, execution_id))
        return self._held.get(job_id) if job_id is not None else None

    def _note_execution(self, held: Held) -> None:
        if held.execution_id is None:
            return
        key = (held.host, held.execution_id)
        self._by_execution[key] = held.job.id
        if key in self._early:
            held.ended = True

    # What is due.

    def _set_deadline(self, held: Held) -> None:
        job, execution = held.job, held.job.execution
        if execution is None or not job.status.is_live:
            return
        limit, since = job.spec.timeout_seconds, execution.started_at
        if job.status is JobStatus.LAUNCHING:
            limit, since = job.spec.launch_timeout_seconds, execution.created_at
        if limit is None or since is None:
            return
        left = limit - (self._clock.now() - since).total_seconds()
        heapq.heappush(self._deadlines, (self._clock.monotonic() + left, job.id, job.attempt))

    def _enforce_deadlines(self) -> None:
        now = self._clock.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, job_id, attempt = heapq.heappop(self._deadlines)
            held = self._held.get(job_id)
            if held is None or held.job.attempt != attempt or not held.works or held.ended:
                continue
            if self._is_overdue(held):
                held.stop = held.stop or StopReason.TIMEOUT

    def _is_overdue(self, held: Held) -> bool:
        job, execution = held.job, held.job.execution
        assert execution is not None
        launching = job.status is JobStatus.LAUNCHING
        limit = job.spec.launch_timeout_seconds if launching else job.spec.timeout_seconds
        since = execution.created_at if launching else execution.started_at
        if limit is None or since is None:
            return False
        return (self._clock.now() - since).total_seconds() >= limit - 0.001

    def _start_steps(self) -> None:
        now = self._clock.monotonic()
        refreshes = now >= self._refresh_at
        if refreshes:
            self._refresh_at = now + REFRESH_SECONDS
        for held in list(self._held.values()):
            step = held.next_step(now)
            if step is None:
                if not held.busy and not held.works and not held.job.needs_attention:
                    self._drop(held)
            elif step is not Step.REFRESH or refreshes:
                held.busy = True
                self._lanes.submit(held.host, step.lane, partial(self._perform, held, step))

    def _perform(self, held: Held, step: Step) -> None:
        """Run one step; in a lane's thread."""
        job = held.job
        error: Exception | None = None
        try:
            job = self._operate(held, step)
        except LeaseLost as lost:
            _log.warning("job.lease_lost", job_id=str(job.id), error=str(lost))
            self._post(partial(self._drop, held))
            return
        except (ContainerManagerError, OSError) as failed:
            error = failed
            _log.warning("job.step_failed", job_id=str(job.id), step=step.value, error=str(failed))
        except Exception as failed:  # the loop's edge: a plugin's mistake is logged once and the loop goes on
            error = failed
            _log.exception("job.step_broken", job_id=str(job.id), step=step.value)
        self._post(partial(self._performed, held, step, job, error))

    def _operate(self, held: Held, step: Step) -> Job:
        operations, job = self._operations, held.job
        if step is Step.STOP:
            return operations.cancel(job, held.stop or StopReason.CANCELLED)
        if step is Step.RECOVER:
            return operations.recover(operations.intend_stop(job, held.stop))
        plain: dict[Step, Callable[[Job], Job]] = {
            Step.LAUNCH: operations.launch,
            Step.REFRESH: operations.refresh,
            Step.HARVEST: operations.harvest,
            Step.LOSE: operations.lose,
            Step.CLEANUP: operations.cleanup,
        }
        return plain[step](job)

    def _performed(self, held: Held, step: Step, job: Job, error: Exception | None) -> None:
        moved = job.status is not held.job.status
        held.job, held.busy, held.fresh = job, False, False
        now = self._clock.monotonic()
        if error is not None:
            self._put_off(held, error, now)
            return
        held.failures = 0
        if step is Step.STOP:
            held.stopped = True
        elif not moved and step is Step.RECOVER:
            held.not_before = now + min(1.0, self._settings.poll_interval_seconds)
        elif not moved and step is Step.HARVEST:
            held.ended = held.stopped = False
        elif not moved and step is Step.LAUNCH:
            held.not_before = now + 0.2
        if moved:
            self._note_execution(held)
            self._set_deadline(held)
            self._claim_at = min(self._claim_at, now + self._wait_for_next(job))

    def _wait_for_next(self, job: Job) -> float:
        """Seconds until another claim is worth while, after a job has moved."""
        if job.not_before is None:
            return self._settings.poll_interval_seconds
        return max(0.0, (job.not_before - self._clock.now()).total_seconds())

    def _put_off(self, held: Held, error: Exception, now: float) -> None:
        held.failures += 1
        pause = min(0.2 * 2 ** min(held.failures, 16), LONGEST_STEP_PAUSE_SECONDS)
        held.not_before = now + pause
        if isinstance(error, ExecutorError):
            self._fleet.note_failure(held.host, str(error))

    def _drop(self, held: Held) -> None:
        self._held.pop(held.job.id, None)
        if held.execution_id is not None:
            self._by_execution.pop((held.host, held.execution_id), None)

    # Ending.

    def _is_done(self, drain: bool) -> bool:
        if not drain:
            return self._idle
        try:
            unfinished = self._store.list(
                JobQuery(statuses=(JobStatus.PENDING, JobStatus.LAUNCHING, JobStatus.RUNNING), limit=1000)
            )
        except StoreUnavailable:
            return False
        now = self._clock.now()
        return not any(job.scheduled_at is None or job.scheduled_at <= now for job in unfinished)

    def _pause(self) -> float:
        """How long to sleep unless something wakes us."""
        now = self._clock.monotonic()
        if self._inbox:
            return 0.0
        nearest = STORE_GLANCE_SECONDS
        if self._deadlines:
            nearest = min(nearest, self._deadlines[0][0] - now)
        return max(0.001, nearest)

    def _detach(self) -> None:
        """Let what is under way come to an end for a moment, then give back every lease."""
        until = self._clock.monotonic() + DETACH_SECONDS
        while any(held.busy for held in self._held.values()) and self._clock.monotonic() < until:
            self._wake.wait(0.05)
            self._wake.clear()
            self._take_in()
        if self._listeners is not None:
            self._listeners.stop()
        self._operations.lease.stop()
        try:
            self._store.release(self.id)
        except StoreUnavailable as error:
            _log.warning("worker.leases_not_released", worker=self.id, error=str(error))
        _log.info("worker.stopped", worker=self.id, left_running=len(self._held))


def new_worker_id() -> str:
    """A name for a worker that no other has: one for each start."""
    import os
    import socket

    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
