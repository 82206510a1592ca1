"""The four operations on one job: launch, refresh, harvest, cancel, and the clean-up that follows.

Each takes a job that the caller holds a lease on, calls its platform, stores what came of it and returns
the job as stored. The worker loop, the facade and the Django adapter call the same ones.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from container_manager_core import lifecycle
from container_manager_core.amounts import amount_text, rounded
from container_manager_core.budgeting import Budgeting, settle
from container_manager_core.clock import Clock
from container_manager_core.config import WorkerSettings
from container_manager_core.copying import copy_with
from container_manager_core.errors import ExecutorError, InvalidInput, TransientError, UpstreamError
from container_manager_core.executor import (
    Capability,
    ContainerExecutor,
    ExecutionRequest,
    ExecutionState,
    ExecutionStatus,
    Harvest,
    LogPage,
)
from container_manager_core.failure import Failure, FailureKind, exit_failure
from container_manager_core.fleet import Fleet
from container_manager_core.intake import LogIntake
from container_manager_core.job import Execution, Job, JobStatus, StopReason
from container_manager_core.leases import Lease
from container_manager_core.log import get_logger
from container_manager_core.recorder import Recorder
from container_manager_core.secrets import Masker, SecretSource
from container_manager_core.store.protocol import JobStore

_log = get_logger()

STORE_PIECE_BYTES = 4 * 1024 * 1024
_NOT_FOUND = ExecutionState(status=ExecutionStatus.NOT_FOUND)


@attrs.frozen(kw_only=True)
class Operations:
    """The operations, with all they need.

    Attributes:
        store, recorder: where jobs live, and what writes them.
        fleet: the hosts.
        budgeting: what may be spent.
        secrets: gives the values of secrets.
        lease: the worker's claim.
        settings: how workers work.
        clock: where the time comes from.
        report: takes progress lines, with the job's id.
    """

    store: JobStore
    recorder: Recorder
    fleet: Fleet
    budgeting: Budgeting
    secrets: SecretSource
    lease: Lease
    settings: WorkerSettings
    clock: Clock
    report: Any = lambda job_id, line: None

    def launch(self, job: Job) -> Job:
        """Start the attempt whose intent is stored.

        Returns:
            The job running; or failed, or pending again for another attempt; or still launching
            when the platform may have started it but its answer was lost: see `recover`.
        """
        executor = self._executor(job)
        try:
            request = self._request(job)
        except InvalidInput as error:
            return self._ended(job, Failure(kind=FailureKind.SPEC, message=str(error)))
        try:
            launch = executor.launch_job(request)
        except ExecutorError as error:
            return self._launch_failed(job, error, Masker(request.secrets.values()))
        self.fleet.note_success(_execution(job).host)
        return self._running(job, launch.execution_id, launch.metadata, launch.started_at)

    def recover(self, job: Job, *, settled: bool) -> Job:
        """Find out what became of a launch whose answer was lost, by a former worker or by us.

        Args:
            job: launching.
            settled: whether the last start that anybody can have asked for is so long ago that it would be seen.

        Returns:
            The job running, when the platform has it; launched, or ended when that was asked for, when it
            certainly has not; else unchanged. Raises `TransientError` while the platform cannot be asked.
        """
        executor = self._executor(job)
        try:
            request = self._request(job)
        except InvalidInput as error:
            return self._ended(job, Failure(kind=FailureKind.SPEC, message=str(error)))
        found = executor.find_execution(request)
        if found is not None:
            _log.info("job.found", job_id=str(job.id), attempt=job.attempt, execution_id=found)
            return self._running(job, found, {}, None)
        if _execution(job).stop_reason is not None:
            return self._ended(job, self._judge(job, _NOT_FOUND, Masker(()))) if settled else job
        if settled or Capability.IDEMPOTENT_LAUNCH in executor.capabilities:
            return self.launch(job)
        return job

    def refresh(self, job: Job) -> Job:
        """Take over the output that has come since the last time."""
        executor = self._executor(job)
        execution = _execution(job)
        pages = executor.read_pages(execution.execution_id or "", execution.logs.cursor)
        intake = LogIntake(execution.logs, Masker(self.secrets.resolve(job.spec.secrets).values()))
        job = self._store_pages(job, intake, pages)
        return self._store_rest(job, intake)

    def harvest(self, job: Job) -> Job:
        """Take over all that an ended attempt left behind, and store how it ended.

        Returns:
            The job in a terminal status, or pending again for another attempt; unchanged when the
            platform says that it has not ended.
        """
        request = self._request(job)
        harvest = self._executor(job).harvest_job(request)
        if not harvest.state.has_ended:
            return job
        masker = Masker(request.secrets.values())
        intake = LogIntake(_execution(job).logs, masker)
        job = self._store_pages(job, intake, harvest.pages)
        intake.finish()
        logs, position = intake.drain()
        facts = self._facts(job, harvest, logs=position)
        return self._ended(job, self._judge(job, harvest.state, masker), facts, stored=logs)

    def lose(self, job: Job) -> Job:
        """The platform has not known the attempt for too long: give it up."""
        failure = Failure(
            kind=FailureKind.LOST,
            message=f"{_execution(job).host} no longer knows the execution {_execution(job).execution_id}",
            retryable=True,
            hint="look whether something else removes containers there",
        )
        cost = self._cost(job, _execution(job).started_at, self.clock.now())
        return self._ended(job, self._judge(job, _NOT_FOUND, Masker(())) or failure, {"cost": cost})

    def cancel(self, job: Job, reason: StopReason) -> Job:
        """Stop the running attempt: the intent is stored first, then the platform is told.

        Blocks until the platform confirms. `harvest` stores the end.
        """
        job = self.intend_stop(job, reason)
        self._executor(job).cancel(_execution(job).execution_id or "", job.spec.stop_grace_seconds)
        return job

    def intend_stop(self, job: Job, reason: StopReason | None) -> Job:
        """Store that the attempt is to be stopped, if it is, before anything is asked of the platform."""
        stopping = lifecycle.stopping(job, reason) if reason is not None else job
        return job if stopping is job else self.recorder.record(job, stopping)

    def extend(self, job: Job) -> Job:
        """Hold more money back for an attempt that has used up what was; else store that it is to be stopped."""
        execution, reservation = _execution(job), self.budgeting.extend(job)
        if reservation is not None:
            longer = copy_with(execution, reserved=reservation.reserved, paid_seconds=reservation.paid_seconds)
            stored = self.recorder.record(job, copy_with(job, execution=longer), charges=reservation.charges)
            if stored is not job:
                return stored
        return self.intend_stop(job, StopReason.COST)

    def cleanup(self, job: Job) -> Job:
        """Remove what the ended attempt left on its platform, unless it is to be kept; give the lease back."""
        execution = _execution(job)
        wanted = self.settings.cleanup_enabled and self.settings.immediate_cleanup and job.spec.auto_remove
        if wanted and execution.execution_id:
            self._executor(job).cleanup(execution.execution_id)
        cleaned = copy_with(job, execution=copy_with(execution, cleaned=True))
        return self.recorder.record(job, cleaned, release=True)

    def _executor(self, job: Job) -> ContainerExecutor:
        return self.fleet.executor(_execution(job).host)

    def _request(self, job: Job) -> ExecutionRequest:
        execution = _execution(job)
        return ExecutionRequest(
            job_id=job.id,
            attempt=execution.attempt,
            name=f"cm-{job.id}-{execution.attempt}",
            spec=job.spec,
            environment=job.spec.environment,
            secrets=self.secrets.resolve(job.spec.secrets),
            installation_id=self.store.installation_id(),
            execution_id=execution.execution_id,
            cursor=execution.logs.cursor,
            confirm_lease=lambda: self.lease.confirm(job.id),
            report=lambda line: self.report(job.id, line),
        )

    def _running(self, job: Job, execution_id: str, metadata: Mapping[str, Any], started_at: datetime | None) -> Job:
        running = lifecycle.running(job, execution_id, started_at or self.clock.now(), metadata)
        running = self.recorder.record(job, running)
        _log.info("job.launched", job_id=str(job.id), executor=running.executor, host=running.host, attempt=job.attempt)
        return running

    def _launch_failed(self, job: Job, error: ExecutorError, masker: Masker) -> Job:
        if isinstance(error, TransientError):
            of_host = error.kind is not FailureKind.LOST and not isinstance(error, UpstreamError)
            if of_host:
                self.fleet.note_failure(_execution(job).host, masker.mask_text(str(error)))
            if error.may_have_started:
                _log.warning("job.launch_unanswered", job_id=str(job.id), error=masker.mask_text(str(error)))
                return job
        failure = attrs.evolve(error.failure, message=masker.mask_text(error.message))
        return self._ended(job, failure)

    def _store_pages(self, job: Job, intake: LogIntake, pages: Iterator[LogPage]) -> Job:
        for page in pages:
            intake.take(page)
            if intake.ready_bytes >= STORE_PIECE_BYTES:
                job = self._store_rest(job, intake)
        return job

    def _store_rest(self, job: Job, intake: LogIntake) -> Job:
        logs, position = intake.drain()
        if position == _execution(job).logs:
            return job
        execution = copy_with(_execution(job), logs=position)
        return self.recorder.record(job, copy_with(job, execution=execution), logs=logs)

    def _facts(self, job: Job, harvest: Harvest, **facts: Any) -> dict[str, Any]:
        execution, state = _execution(job), harvest.state
        started = state.started_at or execution.started_at
        ended = state.finished_at or self.clock.now()
        return {
            "exit_code": state.exit_code,
            "started_at": started,
            "finished_at": ended,
            "usage": harvest.usage,
            "cost": self._cost(job, started, ended, harvest.cost),
            "metadata": {**execution.metadata, **state.metadata},
            **facts,
        }

    def _cost(self, job: Job, started: datetime | None, ended: datetime, of_platform: Decimal | None = None) -> Decimal:
        """What an attempt has cost: by the host's own price, else as its platform says, else by its price list."""
        host = self.fleet.host(_execution(job).host)
        if of_platform is not None and not host.cost_per_hour:
            return rounded(of_platform + host.cost_per_job)
        return self.fleet.price(host.name, job.spec).cost((ended - started).total_seconds() if started else 0)

    def _judge(self, job: Job, state: ExecutionState, masker: Masker) -> Failure | None:
        """Why the attempt ended badly, or None when it did not."""
        reason = _execution(job).stop_reason
        if reason is StopReason.CANCELLED:
            return Failure(kind=FailureKind.CANCELLED, message="somebody asked for it to be stopped")
        if reason is StopReason.TIMEOUT:
            return Failure(
                kind=FailureKind.TIMEOUT,
                message=f"it ran longer than its limit of {job.spec.timeout_seconds:g} s"
                if job.spec.timeout_seconds and _execution(job).execution_id
                else "it was launching longer than its limit",
                retryable=True,
                hint="raise the timeout if that is its normal length",
            )
        if reason is StopReason.MOVED:
            wanted = self.store.get(job.id).requested_host
            return Failure(kind=FailureKind.CANCELLED, message=f"it was moved to {wanted}", retryable=True)
        if reason is StopReason.COST:
            return _too_dear(job)
        if state.failure is not None:
            return attrs.evolve(state.failure, message=masker.mask_text(state.failure.message))
        if state.exit_code:
            return exit_failure(state.exit_code)
        return None

    def _ended(
        self, job: Job, failure: Failure | None, facts: Mapping[str, Any] | None = None, stored: Any = ()
    ) -> Job:
        """Store the end of an attempt, or that another follows."""
        now = self.clock.now()
        facts = dict(facts or {})
        if job.status.is_live and _execution(job).execution_id is None:
            facts["cleaned"] = True
        cost = facts.get("cost", Decimal(0))
        pause = self._pause(job, failure)
        if failure is not None and pause is not None:
            after = lifecycle.retried(job, failure, now + timedelta(seconds=pause), **facts)
        else:
            after = lifecycle.finished(job, lifecycle.status_of(failure), now, failure, **facts)
        if "cost" in facts:
            after = copy_with(after, actual_cost=(job.actual_cost or Decimal(0)) + cost)
        charges = settle(_execution(job), cost)
        after = self.recorder.record(job, after, logs=stored, charges=charges, release=not after.needs_attention)
        _log.info(
            "job.retried" if after.status is JobStatus.PENDING else "job.finished",
            job_id=str(job.id),
            status=after.status.value,
            exit_code=after.exit_code,
            failure=failure.kind.value if failure else None,
        )
        return after

    def _pause(self, job: Job, failure: Failure | None) -> float | None:
        if failure is None or not job.status.is_live or job.cancel_requested_at is not None:
            return None
        if _execution(job).stop_reason is StopReason.MOVED:
            return 0.0
        if failure.kind is FailureKind.CANCELLED:
            return None
        past = self.store.executions(job.id) if job.attempt > 1 else ()
        failures = [
            execution.failure
            for execution in past
            if execution.attempt < job.attempt
            and execution.created_at >= job.queued_at
            and execution.stop_reason is not StopReason.MOVED
        ]
        return job.spec.retry.pause_before_next([*failures, failure])


def _too_dear(job: Job) -> Failure:
    execution, most = _execution(job), job.spec.max_cost
    if most is not None and (not execution.accounts or (job.actual_cost or 0) + execution.reserved >= most):
        message, hint = f"it has cost as much as it may: {amount_text(most)}", "raise its max_cost"
    else:
        message = (
            f"it has cost the {amount_text(execution.reserved)} that were held back for it, and a budget is used up"
        )
        hint = "raise the budget, or wait for its next period"
    return Failure(kind=FailureKind.BUDGET, message=message, hint=hint)


def _execution(job: Job) -> Execution:
    assert job.execution is not None, f"job {job.id} has no attempt"
    return job.execution
