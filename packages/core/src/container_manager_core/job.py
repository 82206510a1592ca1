"""A job and its executions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs

from container_manager_core.failure import Failure
from container_manager_core.freezing import frozen_sequence
from container_manager_core.spec import ContainerSpec


class JobStatus(StrEnum):
    """Where a job is in its life. `container_manager_core.lifecycle` has the legal moves."""

    PENDING = "pending"
    LAUNCHING = "launching"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self in TERMINAL

    @property
    def is_live(self) -> bool:
        """Whether an attempt may exist on a platform."""
        return self in LIVE


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELLED})
LIVE = frozenset({JobStatus.LAUNCHING, JobStatus.RUNNING})


class StopReason(StrEnum):
    """Why an execution is being stopped; recorded before the platform is told."""

    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    COST = "cost"
    """It has cost what it may."""
    MOVED = "moved"
    """It is to run on another host."""


@attrs.frozen(kw_only=True)
class Usage:
    """What an execution used.

    Attributes:
        peak_memory_bytes: the most memory at any time, as the platform counts it.
        cpu_seconds: CPU time over all cores.
    """

    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


@attrs.frozen(kw_only=True)
class LogPosition:
    """How far an execution's output has been taken over.

    Attributes:
        cursor: the executor's own cursor; empty means the beginning.
        skip_stdout, skip_stderr: bytes behind the cursor that were taken over already.
        stdout_bytes, stderr_bytes: length of each stored stream so far, what was left out included.
    """

    cursor: str = ""
    skip_stdout: int = 0
    skip_stderr: int = 0
    stdout_bytes: int = 0
    stderr_bytes: int = 0


@attrs.frozen(kw_only=True, slots=False)
class Execution:
    """One attempt of a job on one host.

    Attributes:
        attempt: 1 for the first.
        host, executor: where it runs.
        status: ``launching``, ``running`` or the terminal status it ended with.
        execution_id: the platform's id; None until the launch was confirmed.
        created_at: when the launch was decided; ``started_at`` and ``finished_at`` are the
            platform's own times.
        stop_reason: set before the platform is told to stop it.
        exit_code: the command's; None when it never ran or the platform does not tell.
        cost: in the currency all hosts share, in whole millionths; known when it has ended.
        reserved: what budgets hold back for it, on each of these ``accounts``; its end puts the cost in its place.
        paid_seconds: how long it may run for what is held back for it, or for the job's `max_cost`; None for ever.
        metadata: the platform's facts, for example ``container_name`` and ``image_digest``.
        logs: how far its output is stored.
        cleaned: whether a worker has nothing more to do for it on the platform.
    """

    attempt: int
    host: str
    executor: str
    status: JobStatus
    created_at: datetime
    execution_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stop_reason: StopReason | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    reserved: Decimal = Decimal(0)
    accounts: tuple[str, ...] = attrs.field(default=(), converter=frozen_sequence)
    paid_seconds: float | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    logs: LogPosition = LogPosition()
    cleaned: bool = False


@attrs.frozen(kw_only=True)
class Candidate:
    """One host that a routing decision looked at.

    Attributes:
        host: its name.
        reason: why it was chosen or passed over.
        eligible: whether it could have taken the job.
    """

    host: str
    reason: str
    eligible: bool


@attrs.frozen(kw_only=True)
class OtherHosts:
    """Hosts of which a routing decision says no more than their number.

    Attributes:
        reason: what they have in common.
        hosts: how many there are.
    """

    reason: str
    hosts: int


class RuleOutcome(StrEnum):
    """What a routing rule gave for a job."""

    MATCHED = "matched"
    NO_MATCH = "no match"
    NO_ANSWER = "no answer"
    """Its condition could not be worked out, for example because the job has no memory limit."""


@attrs.frozen(kw_only=True)
class RuleFinding:
    """What one routing rule gave.

    Attributes:
        number: 1 for the rule that is asked first.
        condition, reason, target: the rule, in words.
        outcome: see `RuleOutcome`.
        detail: why there was no answer.
    """

    number: int
    condition: str
    target: str
    outcome: RuleOutcome
    reason: str = ""
    detail: str = ""


@attrs.frozen(kw_only=True)
class Route:
    """The decision where a job runs, with its reasons.

    Attributes:
        host: the chosen host; None when none could take the job, which then waits or fails.
        reason: why, in one sentence.
        fallbacks: hosts to try next, best first; the nearest few where there are many.
        candidates: the hosts that were looked at; of many the nearest few.
        others: the rest of the hosts.
        rule: the number of the rule that matched.
        rules: what the rules gave, up to the one that matched; of many the nearest.
        decided_at: when.
    """

    host: str | None
    reason: str
    fallbacks: tuple[str, ...] = attrs.field(default=(), converter=frozen_sequence)
    candidates: tuple[Candidate, ...] = attrs.field(default=(), converter=frozen_sequence)
    others: tuple[OtherHosts, ...] = attrs.field(default=(), converter=frozen_sequence)
    rule: int | None = None
    rules: tuple[RuleFinding, ...] = attrs.field(default=(), converter=frozen_sequence)
    decided_at: datetime | None = None


@attrs.frozen(kw_only=True, slots=False)
class Job:
    """A ContainerSpec plus its life. Times are aware UTC.

    Attributes:
        id: made at submission.
        name: for people; not unique.
        status: see `JobStatus`.
        priority: 0 to 100, higher goes first.
        scheduled_at: not started before.
        requested_host: where the submitter, or whoever moved it last, wants it.
        preferred_executor: the submitter's wish where no host is asked for.
        created_by: who submitted it.
        created_at, queued_at: when it was submitted, and when it was submitted or last restarted.
        not_before: a pause before the next attempt.
        waiting: why a pending job waits, in one sentence.
        attempt: the number of attempts begun.
        execution: the latest attempt; `JobStore.executions` gives all.
        route: the latest routing decision.
        exit_code, failure: how the latest attempt ended.
        started_at: when the first attempt ran; ``finished_at``: when the job ended.
        estimated_cost, actual_cost: in the currency all hosts share, over all attempts.
        cancel_requested_at: when somebody asked for it to be stopped.
        worker, epoch: who holds the lease, and the fencing token that every write carries.
    """

    id: UUID
    spec: ContainerSpec
    created_at: datetime
    queued_at: datetime
    name: str = ""
    status: JobStatus = JobStatus.PENDING
    priority: int = 50
    scheduled_at: datetime | None = None
    requested_host: str | None = None
    preferred_executor: str | None = None
    created_by: str | None = None
    not_before: datetime | None = None
    waiting: str | None = None
    attempt: int = 0
    execution: Execution | None = None
    route: Route | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    estimated_cost: Decimal | None = None
    actual_cost: Decimal | None = None
    cancel_requested_at: datetime | None = None
    worker: str | None = None
    epoch: int = 0

    @property
    def host(self) -> str | None:
        """Where the latest attempt runs or ran; before the first, the host that was asked for."""
        return self.execution.host if self.execution else self.requested_host

    @property
    def executor(self) -> str | None:
        """The executor of the latest attempt; before the first, the one that was preferred."""
        return self.execution.executor if self.execution else self.preferred_executor

    @property
    def is_elsewhere(self) -> bool:
        """Whether an attempt is on another host than the one that is asked for now."""
        return self.status.is_live and self.requested_host not in (None, self.host)

    @property
    def queue_deadline(self) -> datetime | None:
        """When a job that is pending and not yet tried has waited for too long; None when it may wait."""
        limit = self.spec.queue_timeout_seconds
        tried = self.execution is not None and self.execution.created_at >= self.queued_at
        if limit is None or tried or self.status is not JobStatus.PENDING:
            return None
        return max(self.queued_at, self.scheduled_at or self.queued_at) + timedelta(seconds=limit)

    @property
    def needs_attention(self) -> bool:
        """Whether a worker still has something to do for the latest attempt."""
        if self.status.is_live:
            return True
        return self.execution is not None and not self.execution.cleaned
