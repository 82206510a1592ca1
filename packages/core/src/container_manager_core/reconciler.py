"""The two-way diff: what platforms still have of ours, against what the store knows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from container_manager_core.clock import Clock
from container_manager_core.config import WorkerSettings
from container_manager_core.errors import ContainerManagerError, ExecutorError, NotFound
from container_manager_core.executor import ExecutionStatus, OwnedExecution
from container_manager_core.fleet import Fleet
from container_manager_core.job import Job, JobStatus
from container_manager_core.log import get_logger
from container_manager_core.store.protocol import JobQuery, JobStore

_log = get_logger()

ORPHAN_GRACE_SECONDS = 60.0


class FindingKind(StrEnum):
    """How a platform and the store disagree."""

    ORPHANED = "orphaned"
    """The store knows no such job: removed."""
    DOUBLE = "double"
    """It still runs, but its job has ended or gone on to another attempt: stopped and removed."""
    LEFTOVER = "leftover"
    """It has ended and its result is stored: removed."""
    LOST = "lost"
    """The store says that it runs, the platform does not know it: the worker that holds it decides."""
    UNREACHABLE = "unreachable"
    """The host could not be asked."""

    @property
    def is_removed(self) -> bool:
        """Whether reaping removes the execution."""
        return self in (FindingKind.ORPHANED, FindingKind.DOUBLE, FindingKind.LEFTOVER)


@attrs.frozen(kw_only=True)
class Finding:
    """One disagreement.

    Attributes:
        kind: which.
        host: where.
        name: the execution's name, ``cm-<job id>-<attempt>``; empty for an unreachable host.
        execution_id: the platform's id, if any.
        message: what it means, in one sentence.
        removed: whether it was removed.
    """

    kind: FindingKind
    host: str
    message: str
    name: str = ""
    execution_id: str = ""
    removed: bool = False


@attrs.frozen(kw_only=True)
class Reconciler:
    """Compares hosts with the store and removes what nobody needs. Never touches another installation's.

    Attributes:
        store: knows the jobs.
        fleet: the hosts.
        settings: with cleanup disabled, what has ended is left alone.
        clock: where the time comes from.
        leftovers: whether what has ended, with its result stored, is removed too.
        leftover_age_seconds: only of jobs that ended at least so long ago.
        kept: whether that holds also for what jobs without ``auto_remove`` left.
        lost: whether running jobs that their platform does not know are told of.
    """

    store: JobStore
    fleet: Fleet
    settings: WorkerSettings
    clock: Clock
    leftovers: bool = True
    leftover_age_seconds: float = 0.0
    kept: bool = True
    lost: bool = True

    def reap(
        self,
        *,
        dry_run: bool = False,
        hosts: Iterable[str] | None = None,
        remove: Collection[FindingKind] = tuple(FindingKind),
    ) -> Sequence[Finding]:
        """Compare and clean up; every disagreement that was found.

        Args:
            dry_run: change nothing.
            hosts: only these; all when left out.
            remove: findings that are removed; others are only told of.
        """
        findings: list[Finding] = []
        for name in sorted(hosts if hosts is not None else self.fleet.hosts):
            try:
                findings += self._reap_host(name, () if dry_run else remove)
            except ContainerManagerError as error:
                findings.append(Finding(kind=FindingKind.UNREACHABLE, host=name, message=str(error)))
        return findings

    def _reap_host(self, host: str, remove: Collection[FindingKind]) -> list[Finding]:
        # The platform first: an intent is stored before its platform is called, so whatever is listed here
        # and was not forgotten is in the store by the time it is asked.
        owned = self.fleet.executor(host).list_owned()
        if not (owned or self.lost):
            return []
        listed = self.store.list(JobQuery(statuses=(JobStatus.RUNNING,), host=host, limit=10_000))
        running = {job.id: job for job in listed}
        findings = [finding for execution in owned if (finding := self._judge(host, execution, running))]
        findings = [self._remove(finding) if finding.kind in remove else finding for finding in findings]
        return findings + (self._lost(host, owned, listed) if self.lost else [])

    def _judge(self, host: str, execution: OwnedExecution, running: Mapping[UUID, Job]) -> Finding | None:
        job = self._job(execution, running)
        kind, message = self._compare(host, execution, job)
        if kind is None:
            return None
        return Finding(kind=kind, host=host, message=message, name=execution.name, execution_id=execution.execution_id)

    def _compare(self, host: str, execution: OwnedExecution, job: Job | None) -> tuple[FindingKind | None, str]:
        runs = execution.status is ExecutionStatus.RUNNING
        if job is None:
            young = self._age_seconds(execution.created_at) < ORPHAN_GRACE_SECONDS
            return (None, "") if young else (FindingKind.ORPHANED, "no stored job belongs to it")
        if job.attempt == execution.attempt and job.host == host:
            return self._compare_latest(job, execution, runs)
        if job.attempt < (execution.attempt or 0):
            return None, ""
        if runs:
            return FindingKind.DOUBLE, f"job {job.id} has gone on to attempt {job.attempt} on {job.host}"
        return self._leftover(job, f"attempt {execution.attempt} of job {job.id} has ended")

    def _compare_latest(self, job: Job, execution: OwnedExecution, runs: bool) -> tuple[FindingKind | None, str]:
        known_id = job.execution.execution_id if job.execution else None
        if known_id is not None and known_id != execution.execution_id:
            return FindingKind.DOUBLE, f"attempt {job.attempt} of job {job.id} is known as {known_id}"
        if job.status.is_live or job.needs_attention:
            return None, ""
        if job.status is JobStatus.PENDING:
            return self._leftover(job, f"attempt {job.attempt} of job {job.id} has ended")
        if runs:
            return FindingKind.DOUBLE, f"job {job.id} is {job.status.value}"
        return self._leftover(job, f"job {job.id} is {job.status.value}")

    def _leftover(self, job: Job, message: str) -> tuple[FindingKind | None, str]:
        wanted = self.leftovers and self.settings.cleanup_enabled and (self.kept or job.spec.auto_remove)
        if not wanted or self._age_seconds(job.finished_at or job.queued_at) < self.leftover_age_seconds:
            return None, ""
        return FindingKind.LEFTOVER, message

    def _remove(self, finding: Finding) -> Finding:
        executor = self.fleet.executor(finding.host)
        try:
            if finding.kind is FindingKind.DOUBLE:
                executor.cancel(finding.execution_id, 10.0)
            executor.cleanup(finding.execution_id)
        except ExecutorError as error:
            return attrs.evolve(finding, message=f"{finding.message}; it could not be removed: {error}")
        _log.warning("execution.reaped", host=finding.host, name=finding.name, kind=finding.kind.value)
        return attrs.evolve(finding, removed=True)

    def _lost(self, host: str, owned: Sequence[OwnedExecution], running: Sequence[Job]) -> list[Finding]:
        known = {execution.execution_id for execution in owned}
        return [
            Finding(
                kind=FindingKind.LOST,
                host=host,
                name=f"cm-{job.id}-{job.attempt}",
                execution_id=job.execution.execution_id,
                message=f"job {job.id} is stored as running, but the platform does not know it",
            )
            for job in running
            if job.execution is not None and job.execution.execution_id and job.execution.execution_id not in known
            if self._still_runs(job)
        ]

    def _still_runs(self, job: Job) -> bool:
        """Whether the stored job is still as it was listed: it may have started after the platform was asked."""
        now = self.store.get(job.id)
        return now.status is JobStatus.RUNNING and self._age_seconds(job.started_at) > self.settings.lost_grace_seconds

    def _job(self, execution: OwnedExecution, running: Mapping[UUID, Job]) -> Job | None:
        if execution.job_id is None:
            return None
        try:
            return running.get(execution.job_id) or self.store.get(execution.job_id)
        except NotFound:
            return None

    def _age_seconds(self, since: datetime | None) -> float:
        return float("inf") if since is None else (self.clock.now() - since).total_seconds()
