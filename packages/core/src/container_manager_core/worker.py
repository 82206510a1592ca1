"""The loop that moves jobs along. It decides when; the operations do."""

import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from uuid import uuid4

from container_manager_core.errors import ContainerManagerError, ExecutorError, LeaseLost, StoreUnavailable
from container_manager_core.hand import Hand
from container_manager_core.held import Held, Step
from container_manager_core.job import Job, JobStatus, StopReason
from container_manager_core.lanes import Lanes
from container_manager_core.listening import Listeners
from container_manager_core.log import get_logger
from container_manager_core.operations import Operations
from container_manager_core.placement import Placement, TakenOn
from container_manager_core.reconciler import Reconciler
from container_manager_core.store.protocol import GLANCE_SECONDS, JobQuery, Signals
from container_manager_core.watch import Watch

_log = get_logger()

STORE_PAUSE_SECONDS = 1.0
REFRESH_SECONDS = 0.2
DETACH_SECONDS = 3.0
HEED_SECONDS = 0.05
"""Between two looks at what others ask, however much changes meanwhile: most of it are other jobs' moves."""
GATHER_SECONDS = 0.04
"""Between two claims, unless half of the worker's places are free: places become free one by one, and a claim with its
decisions costs as much for one job as for ten."""


class Worker:
    """Claims jobs, starts them, watches them and stores how they end.

    Args:
        operations: what is done with one job.
        placement: takes on jobs.
        lanes: run calls to platforms.
        listeners: tell of executions that end; None for polling alone.
        reconciler: removes what nobody owns, at intervals; None where others do that.
    """

    def __init__(
        self,
        operations: Operations,
        placement: Placement,
        lanes: Lanes,
        listeners: Listeners | None = None,
        reconciler: Reconciler | None = None,
    ) -> None:
        self.id = operations.lease.worker
        self._operations = operations
        self._placement = placement
        self._store = operations.store
        self._settings = operations.settings
        self._fleet = operations.fleet
        self._clock = operations.clock
        self._lanes = lanes
        self._listeners = listeners
        self._hand = Hand(self._clock)
        self._watch = Watch(
            self._hand,
            self._fleet,
            lanes,
            self._settings,
            self._clock,
            self._post,
            placement.only_hosts,
            reconciler,
        )
        self._inbox: deque[Callable[[], None]] = deque()
        # An Event's set waits for a lock that a thread inside its wait may hold: a signal handler there would wait for
        # itself. A SimpleQueue's put never does.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._stopping = False
        self._token: object | None = None
        self._consult_at = 0.0
        self._store_back_at = 0.0
        self._refresh_at = 0.0
        self._stirred = True
        self._restless = False
        self._heeded = Signals()
        self._unheeded = False
        self._heed_at = 0.0
        self._unclaimed = False
        self._claim_at = 0.0
        self._idle = False
        self._unsure = False

    def run(self, *, once: bool = False, drain: bool = False) -> None:
        """Work until `stop` is called.

        Args:
            once: end when nothing that is due is left to be started and all that was started has ended.
            drain: end when the store holds nothing unfinished but what is scheduled for later.
        """
        finishes = once or drain
        _log.info("worker.started", worker=self.id, max_concurrent_jobs=self._settings.max_concurrent_jobs)
        self._operations.lease.start()
        unheard = self._store.on_change(lambda: self._wake.put(None))
        try:
            while not self._stopping or (finishes and self._hand):
                self.step()
                if finishes and not self._hand and self._is_done(drain):
                    break
                self._rest(self._pause())
        finally:
            unheard()
            self._detach()

    def stop(self) -> None:
        """End soon: containers go on running and the next worker adopts them. Safe in a signal handler.

        A worker that was started to finish (once, drain) takes on nothing new and finishes first.
        """
        self._stopping = True
        self._wake.put(None)

    def _rest(self, seconds: float) -> None:
        """Wait until something happened since the last rest, or the time is over."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()

    def step(self) -> None:
        """One pass: take in what happened, take on jobs, start what is due. Blocks on the store alone."""
        while self._inbox:
            self._inbox.popleft()()
            self._stirred = True
        try:
            self._consult_store()
        except StoreUnavailable as error:
            self._unsure = True
            self._store_back_at = self._clock.monotonic() + STORE_PAUSE_SECONDS
            _log.warning("store.unavailable", error=str(error), worker=self.id)
        self._watch.pass_by(self._consult_soon)
        for held in self._hand.overdue():
            held.note_deadline(self._clock.now())
            self._stirred = True
        self._start_steps()

    @property
    def held_jobs(self) -> Sequence[Job]:
        """The jobs in this worker's hands."""
        return [held.job for held in self._hand]

    def on_event(self, host: str, execution_id: str | None) -> None:
        """An execution may have ended, any of the host's when no id is given. Called from any thread."""
        self._post(partial(self._watch.heard, host, execution_id))

    def _post(self, happening: Callable[[], None]) -> None:
        """Have something done by the loop; called from any thread."""
        self._inbox.append(happening)
        self._wake.put(None)

    def _consult_soon(self, seconds: float = 0.0) -> None:
        self._consult_at = min(self._consult_at, self._clock.monotonic() + seconds)

    def _consult_store(self) -> None:
        """Heed what others ask and take on jobs, when something changed or the poll interval is over."""
        now = self._clock.monotonic()
        if now < self._store_back_at:
            return
        self._token, changed = self._store.changed(self._token)
        due = now >= self._consult_at
        if changed or due:
            self._unheeded = self._unclaimed = True
        if self._unheeded and (due or now >= self._heed_at):
            self._heed_signals()
            self._heed_at, self._unheeded = now + HEED_SECONDS, False
        if self._unclaimed and (due or now >= self._claim_at or self._room * 2 >= self._settings.max_concurrent_jobs):
            self._operations.lease.renew_if_due()
            self._stirred = True
            if due:
                self._consult_at = now + self._settings.poll_interval_seconds
            if not self._stopping:
                self._take_on(thorough=due)
            self._claim_at, self._unclaimed = now + GATHER_SECONDS, False

    def _heed_signals(self) -> None:
        if not self._hand:
            return
        signals = self._store.signals(self.id)
        if signals == self._heeded == Signals():
            return
        self._heeded = signals
        self._stirred = True
        for held in self._hand:
            held.watched = held.job.id in signals.watched
            if held.job.id in signals.cancel:
                held.stop = held.stop or StopReason.CANCELLED
            elif held.job.id in signals.move:
                held.stop = held.stop or StopReason.MOVED

    @property
    def _room(self) -> int:
        """The worker's free places."""
        return self._settings.max_concurrent_jobs - self._hand.working(lambda host: self._fleet.state(host).usable)

    def _take_on(self, thorough: bool) -> None:
        if self._unsure:
            self._take(self._placement.take_back(lambda job_id: self._hand.get(job_id) is not None))
            self._unsure = False
        room = self._room
        if room <= 0 and not thorough:
            return  # what others have left behind waits for the next poll, or for a place
        taken = self._placement.take_on(room, thorough)
        self._idle = taken.idle
        self._take(taken)

    def _take(self, taken: TakenOn) -> None:
        for job in taken.placed:
            self._keep(Held(job))
        for job in taken.adopted:
            self._adopt(job)
        if taken.look_again_seconds is not None:
            self._consult_soon(taken.look_again_seconds)

    def _adopt(self, job: Job) -> None:
        # Whoever had it may have asked for its start until their lease ended, which is just now at the latest.
        held = Held(job, asked_at=self._clock.monotonic())
        if job.execution is not None and job.status.is_live:
            held.stop = job.execution.stop_reason
            _log.info("job.adopted", job_id=str(job.id), status=job.status.value, attempt=job.attempt)
        if job.cancel_requested_at is not None:
            held.stop = held.stop or StopReason.CANCELLED
        self._keep(held)
        self._watch.hasten()

    def _keep(self, held: Held) -> None:
        self._hand.keep(held)
        if self._listeners is not None and held.works:
            self._listeners.listen(held.host, self.on_event)

    def _start_steps(self) -> None:
        """Start what is due. Where nothing has happened, and no job waits for a time, nothing can be due."""
        if not (self._stirred or self._restless):
            return
        now = self._clock.monotonic()
        self._stirred = self._restless = False
        refreshes = now >= self._refresh_at
        if refreshes:
            self._refresh_at = now + REFRESH_SECONDS
        for held in self._hand:
            step = held.next_step(now, self._settings.lost_grace_seconds)
            if step is None:
                if held.is_done:
                    self._hand.drop(held)
            elif step is not Step.REFRESH or refreshes:
                held.busy = True
                self._lanes.submit(held.host, step.lane, partial(self._perform, held, step, held.job))
            self._restless = self._restless or held.watched or held.not_before > now

    def _perform(self, held: Held, step: Step, job: Job) -> None:
        """Run one step; in a lane's thread. Where the end of an attempt was stored, what is left of it goes as well."""
        error: Exception | None = None
        try:
            job = self._operate(held, step, job)
        except LeaseLost as lost:
            _log.warning("job.lease_lost", job_id=str(job.id), error=str(lost))
            self._post(partial(self._hand.drop, held))
            return
        except ContainerManagerError as failed:
            error = failed
            _log.warning("job.step_failed", job_id=str(job.id), step=step.value, error=str(failed))
        except Exception as failed:  # the loop's edge: a plugin's mistake is logged and the loop goes on
            error = failed
            _log.exception("job.step_broken", job_id=str(job.id), step=step.value)
        cleans_up = step is Step.HARVEST and error is None and job.needs_attention and not job.status.is_live
        self._post(partial(self._performed, held, step, job, error, goes_on=cleans_up))
        if cleans_up:
            self._perform(held, Step.CLEANUP, job)

    def _operate(self, held: Held, step: Step, job: Job) -> Job:
        operations = self._operations
        if step is Step.STOP:
            return operations.cancel(job, held.stop or StopReason.CANCELLED)
        if step in (Step.RECOVER, Step.RELAUNCH):
            return operations.recover(operations.intend_stop(job, held.stop), settled=step is Step.RELAUNCH)
        plain: dict[Step, Callable[[Job], Job]] = {
            Step.LAUNCH: operations.launch,
            Step.REFRESH: operations.refresh,
            Step.EXTEND: operations.extend,
            Step.HARVEST: operations.harvest,
            Step.LOSE: operations.lose,
            Step.CLEANUP: operations.cleanup,
        }
        return plain[step](job)

    def _performed(self, held: Held, step: Step, job: Job, error: Exception | None, goes_on: bool) -> None:
        if not self._hand.has(held):
            return
        before, held.job = held.job, job
        held.note_performed(step, before, error, self._clock.monotonic())
        held.busy = goes_on
        if isinstance(error, ExecutorError):
            self._fleet.note_failure(held.host, str(error))
        if job.status is not before.status or step is Step.EXTEND:
            self._hand.note_move(held)
        if before.status.is_live and not held.works:
            self._unclaimed = True  # its place is free
        if job.status is not before.status and job.status is JobStatus.PENDING and job.not_before is not None:
            self._consult_soon(max(0.0, (job.not_before - self._clock.now()).total_seconds()))

    def _is_done(self, drain: bool) -> bool:
        if not (drain and self._idle):
            return self._idle
        unfinished = (JobStatus.PENDING, JobStatus.LAUNCHING, JobStatus.RUNNING)
        try:
            jobs = self._store.list(JobQuery(statuses=unfinished, limit=1000))
        except StoreUnavailable:
            return False
        now = self._clock.now()
        return not any(job.scheduled_at is None or job.scheduled_at <= now for job in jobs)

    def _pause(self) -> float:
        """How long to sleep unless something wakes us."""
        if self._inbox:
            return 0.0
        glance = GLANCE_SECONDS if self._restless else self._store.glance_seconds
        consult_at = self._consult_at
        if self._unheeded:
            consult_at = min(consult_at, self._heed_at)
        if self._unclaimed:
            consult_at = min(consult_at, self._claim_at)
        to_consult = max(consult_at, self._store_back_at) - self._clock.monotonic()
        return min(glance, max(0.001, min(self._hand.seconds_to_deadline(), to_consult)))

    def _detach(self) -> None:
        """Let what is under way come to an end for a moment, then give back every lease."""
        until = self._clock.monotonic() + DETACH_SECONDS
        while any(held.busy for held in self._hand) and self._clock.monotonic() < until:
            self._rest(0.05)
            while self._inbox:
                self._inbox.popleft()()
        if self._listeners is not None:
            self._listeners.stop()
        self._operations.lease.stop()
        try:
            self._store.release(self.id)
        except StoreUnavailable as error:
            _log.warning("worker.leases_not_released", worker=self.id, error=str(error))
        _log.info("worker.stopped", worker=self.id, left_running=len(self._hand))


def new_worker_id() -> str:
    """A name for a worker that no other has: one for each start."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
