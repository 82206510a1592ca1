"""The contract between the core and the code that talks to one kind of platform."""

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs

from container_manager_core.executor_type import Capability as Capability
from container_manager_core.executor_type import ExecutorContext as ExecutorContext
from container_manager_core.executor_type import ExecutorType as ExecutorType
from container_manager_core.failure import Failure
from container_manager_core.job import Usage
from container_manager_core.spec import ContainerSpec
from container_manager_core.streams import Stream as Stream


class ExecutionStatus(StrEnum):
    """What a platform says of an execution."""

    RUNNING = "running"
    """Accepted and not ended: waiting for resources, starting or running."""
    EXITED = "exited"
    """The command ran and ended; its exit code is known."""
    FAILED = "failed"
    """It ended without the command's own exit code: `ExecutionState.failure` says why."""
    NOT_FOUND = "not-found"
    """The platform does not know it, at least not now."""


@attrs.frozen(kw_only=True, eq=False)
class ExecutionRequest:
    """One attempt of a job, as an executor sees it.

    Attributes:
        job_id, attempt: which attempt.
        name: the execution's name on the platform, ``cm-<job id>-<attempt>``.
        spec: what to run.
        environment: every variable in clear, merged; secrets are not among them.
        secrets: the values of the secret variables.
        installation_id: whose execution this is; to be kept on it, with the job's id and the attempt.
        execution_id: the platform's id, once it is known.
        cursor: from where `ContainerExecutor.harvest_job` reads the output.
        confirm_lease: raises `LeaseLost` when the job is no longer ours; else gives the seconds that are left
            of the lease, within which the call that follows has to end. To be called
            before the call that really starts something, after every long wait.
        report: takes one line of progress, for example of an image pull.
    """

    job_id: UUID
    attempt: int
    name: str
    spec: ContainerSpec
    environment: Mapping[str, str] = attrs.field(factory=dict)
    secrets: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    installation_id: str = ""
    execution_id: str | None = None
    cursor: str = ""
    confirm_lease: Callable[[], float] = attrs.field(default=lambda: math.inf, repr=False)
    report: Callable[[str], None] = attrs.field(default=lambda line: None, repr=False)


@attrs.frozen(kw_only=True)
class Launch:
    """An attempt that was started.

    Attributes:
        execution_id: the platform's id.
        metadata: the platform's facts, for example ``container_name``.
        started_at: the platform's time, where the launch tells it.
    """

    execution_id: str
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    started_at: datetime | None = None


@attrs.frozen(kw_only=True)
class ExecutionState:
    """What a platform says of one execution.

    Attributes:
        status: see `ExecutionStatus`.
        exit_code: of an ended command; 128 plus the number for one that a signal ended.
        failure: the platform's own reason, beside the exit code: an out-of-memory kill can come with code 0.
        started_at, finished_at: the platform's times, aware UTC.
        metadata: facts that became known.
    """

    status: ExecutionStatus
    exit_code: int | None = None
    failure: Failure | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether the execution is over and can be harvested."""
        return self.status in (ExecutionStatus.EXITED, ExecutionStatus.FAILED)


@attrs.frozen
class LogChunk:
    """A piece of one output stream, byte for byte."""

    stream: Stream
    data: bytes


@attrs.frozen(kw_only=True)
class LogPage:
    """The output that came after a cursor.

    Attributes:
        chunks: pieces in the order in which the platform has them.
        cursor: where to go on; the same text again when nothing came.
        more: whether there is more to be had at once.
    """

    chunks: tuple[LogChunk, ...] = ()
    cursor: str = ""
    more: bool = False

    @property
    def stdout(self) -> bytes:
        """The page's part of stdout."""
        return b"".join(chunk.data for chunk in self.chunks if chunk.stream is Stream.STDOUT)

    @property
    def stderr(self) -> bytes:
        """The page's part of stderr."""
        return b"".join(chunk.data for chunk in self.chunks if chunk.stream is Stream.STDERR)


@attrs.frozen(kw_only=True)
class Logs:
    """Both output streams, whole."""

    stdout: bytes = b""
    stderr: bytes = b""


@attrs.frozen(kw_only=True, eq=False)
class Harvest:
    """All that an ended execution leaves behind.

    Attributes:
        state: how it ended.
        pages: its output from the request's cursor on, read from the platform while it is iterated,
            so that a large output never stands in memory whole. To be iterated once.
        usage: None where the platform has none, or the execution was too short to be seen.
        cost: actual cost, where the platform's price is known to the executor.
    """

    state: ExecutionState
    pages: Iterator[LogPage]
    usage: Usage | None = None
    cost: Decimal | None = None


@attrs.frozen(kw_only=True)
class ExecutionEvent:
    """Something happened to an execution: have a look.

    Attributes:
        execution_id: which; None after a gap, when any may have changed.
    """

    execution_id: str | None = None


@attrs.frozen(kw_only=True)
class Health:
    """Whether a host can be used.

    Attributes:
        ok: whether it answered and accepted our credentials.
        latency_seconds: how long the answer took.
        message: what it is (version, region), or what is wrong.
        hint: the remedy when it is not ok.
    """

    ok: bool
    latency_seconds: float = 0.0
    message: str = ""
    hint: str = ""


@attrs.frozen(kw_only=True)
class Problem:
    """One thing about a spec that a host cannot do."""

    place: str
    message: str
    remedy: str = ""


@attrs.frozen(kw_only=True)
class Plan:
    """A dry run of a spec on a host.

    Attributes:
        problems: what it cannot run; empty means it can.
        memory_mib, cpus: sizes as the platform rounds them; None means no limit.
        cost_per_hour_low, cost_per_hour_high: price range, where known.
        notes: what a user should know.
    """

    problems: tuple[Problem, ...] = ()
    memory_mib: int | None = None
    cpus: float | None = None
    cost_per_hour_low: Decimal | None = None
    cost_per_hour_high: Decimal | None = None
    notes: tuple[str, ...] = ()

    @property
    def can_run(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.problems


@attrs.frozen(kw_only=True)
class OwnedExecution:
    """Something of this installation's that still exists on a platform.

    Attributes:
        execution_id, name: the platform's id and ours.
        job_id, attempt: whose it is, from its labels; None when they cannot be read.
        status: whether it still runs.
        created_at: the platform's time.
    """

    execution_id: str
    name: str
    job_id: UUID | None
    attempt: int | None
    status: ExecutionStatus
    created_at: datetime | None = None


class ContainerExecutor(ABC):
    """Talks to one host. Made once per host and worker; its methods are called from several threads.

    Every method raises `TransientError`, `CapacityError` or `PermanentError` and nothing of the
    platform's SDK. A call either ends within the host's own call timeout or calls
    `ExecutionRequest.confirm_lease` before it changes anything more.
    """

    capabilities: frozenset[Capability] = frozenset()
    """What this executor can do beyond the required."""

    @abstractmethod
    def launch_job(self, job: ExecutionRequest) -> Launch:
        """Start one attempt and return its id. Blocks until the platform has accepted it.

        Idempotent for the same job and attempt: an attempt that was started already is found
        and returned, one that has ended is never started again.

        Raises:
            CapacityError: no room now. Nothing was started.
            PermanentError: it can never run here: the image, the command, the credentials.
            TransientError: no answer; with ``may_have_started`` when it may run all the same.
        """

    @abstractmethod
    def find_execution(self, job: ExecutionRequest) -> str | None:
        """The id of this attempt if the platform has it in any state, else None. Changes nothing."""

    @abstractmethod
    def check_status(self, execution_id: str) -> ExecutionState:
        """What the platform says now. An unknown id gives status ``not-found``, never an error."""

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        """The same for many, in as few calls as the platform allows; every id is in the answer.

        An answer may leave out details (times, metadata) that `check_status` has.
        """
        return {execution_id: self.check_status(execution_id) for execution_id in execution_ids}

    @abstractmethod
    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = 1_048_576) -> LogPage:
        """The output after a cursor, about ``limit`` bytes of it; the empty cursor is the beginning.

        Does not wait for output to come. Reading on from each page's cursor gives every byte
        once, whatever the sizes of the pages and whoever reads. An unknown id or an absent
        stream gives an empty page.
        """

    def get_logs(self, execution_id: str) -> Logs:
        """Both streams, whole and in memory."""
        pages = list(self.read_pages(execution_id))
        return Logs(stdout=b"".join(page.stdout for page in pages), stderr=b"".join(page.stderr for page in pages))

    def read_pages(self, execution_id: str, cursor: str = "") -> Iterator[LogPage]:
        """Page after page from a cursor on, until there is no more at the moment."""
        while True:
            page = self.read_logs(execution_id, cursor)
            cursor = page.cursor
            yield page
            if not page.more:
                return

    def get_usage(self, execution_id: str) -> Usage | None:
        """Peak memory and CPU time so far, or None where the platform has none."""
        return None

    def sample_usage(self, execution_ids: Sequence[str]) -> None:
        """Look at the use of executions that run, at every poll: some platforms tell none once they have ended."""
        for execution_id in execution_ids:
            self.get_usage(execution_id)

    def harvest_job(self, job: ExecutionRequest) -> Harvest:
        """All that the ended execution ``job.execution_id`` leaves behind. Removes nothing; repeatable."""
        execution_id = job.execution_id or ""
        state = self.check_status(execution_id)
        return Harvest(state=state, pages=self.read_pages(execution_id, job.cursor), usage=self.get_usage(execution_id))

    @abstractmethod
    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        """Stop politely, then kill after ``grace_seconds``. Blocks until the platform confirms the end.

        Idempotent: one that has ended or is unknown is no error. Output is kept.
        """

    @abstractmethod
    def cleanup(self, execution_id: str) -> None:
        """Remove what the attempt left on the platform, its output included. Idempotent.

        One that still runs is removed too: the caller decides that it may.
        """

    @abstractmethod
    def check_health(self) -> Health:
        """Whether the host answers and accepts us. Cheap; never raises `ExecutorError`."""

    @abstractmethod
    def plan(self, spec: ContainerSpec) -> Plan:
        """A dry run, without a call to the platform where that is possible. Starts nothing."""

    @abstractmethod
    def list_owned(self) -> Sequence[OwnedExecution]:
        """Everything of this installation's that still exists on the platform, ended or not."""

    def events(self, stopped: threading.Event) -> Iterator[ExecutionEvent]:
        """What happens to this installation's executions, as it happens, until ``stopped`` is set.

        Only with `Capability.EVENTS`. Blocks between events, and looks at ``stopped`` at least once a
        second. Raises `TransientError` when the connection breaks: the caller calls again later. The
        first event of each call is one without an id: whatever came before may have been missed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not declare Capability.EVENTS")

    def close(self) -> None:
        """Give back connections. The executor is not used after it."""
