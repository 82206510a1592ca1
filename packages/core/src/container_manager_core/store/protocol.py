"""What every store of jobs does. Two are in the core, the Django adapter brings one more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import attrs

from container_manager_core.amounts import rounded
from container_manager_core.costs.sums import CostQuery, CostSum
from container_manager_core.executor import Stream
from container_manager_core.freezing import frozen_sequence
from container_manager_core.job import Execution, Job, JobStatus
from container_manager_core.secrets import Secret


@attrs.frozen(kw_only=True)
class JobQuery:
    """Which jobs to list, newest first.

    Attributes:
        statuses: any of these; empty means all.
        host: latest attempt on, or asked for, this host.
        name: jobs of this name.
        label: a name and value that the spec's labels have.
        user: who submitted them.
        ids: any of these jobs, so none where it is empty; None means all.
        limit: at most so many.
        before: only jobs created before this one (paging: the last job's ``(created_at, id)``).
    """

    statuses: tuple[JobStatus, ...] = ()
    host: str | None = None
    name: str | None = None
    label: tuple[str, str] | None = None
    user: str | None = None
    ids: tuple[UUID, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(frozen_sequence))
    limit: int = 100
    before: tuple[datetime, UUID] | None = None


@attrs.frozen(kw_only=True)
class Claim:
    """What a worker can take on.

    Attributes:
        worker: its id; it must have a heartbeat.
        limit: at most so many pending jobs.
        avoid_hosts: pending jobs that ask for one of these are left alone.
        only_hosts: when set, only jobs that ask for, or run on, one of these.
        only_jobs: when set, only these jobs.
        known_hosts: when set, a job whose attempt is on another host is left to a worker that knows that host.
        pending: whether pending jobs are wanted at all.

    ``limit``, ``avoid_hosts`` and ``pending`` do not concern jobs that need attention: their containers may run.
    """

    worker: str
    limit: int
    avoid_hosts: frozenset[str] = frozenset()
    only_hosts: frozenset[str] | None = None
    only_jobs: frozenset[UUID] | None = None
    known_hosts: frozenset[str] | None = None
    pending: bool = True


@attrs.frozen(kw_only=True)
class StoredLog:
    """A piece of output to be stored.

    Attributes:
        stream: which.
        offset: position of its first byte in the whole stream.
        data: the bytes.
    """

    stream: Stream
    offset: int
    data: bytes


@attrs.frozen(kw_only=True)
class Charge:
    """Money that a record puts on an account, or takes off it again.

    Attributes:
        account: any text; an account exists as soon as something was charged to it.
        amount: how much, in whole millionths; negative to give some back.
        cap: when set, the whole record is refused if the account would then hold more.
    """

    account: str
    amount: Decimal = attrs.field(converter=rounded)
    cap: Decimal | None = attrs.field(default=None, converter=attrs.converters.optional(rounded))


@attrs.frozen(kw_only=True)
class Record:
    """One job's next state, to be written under its lease.

    Attributes:
        job: the job as it shall be; its ``worker`` and ``epoch`` are the lease it is written under. Without
            a worker the job must be in nobody's hands and have the same epoch. The id, the spec,
            ``requested_host`` and ``created_at`` are never written again.
        expect: the status the stored job must have; None means any.
        capacity: when set, the move to launching is refused if the execution's host already has so many
            launching and running jobs beside this one.
        charges: booked in the same transaction, all or none with the record itself.
        logs: output of the latest attempt that is stored in the same transaction; bytes before the stored end
            are passed over. Each stream keeps the first and last halves of ``spec.max_output_bytes``.
        release: give the lease back. A finished job that needs nothing more gives it back by itself.
    """

    job: Job
    expect: JobStatus | None = None
    capacity: int | None = None
    charges: tuple[Charge, ...] = ()
    logs: tuple[StoredLog, ...] = ()
    release: bool = False


class RecordOutcome:
    """What became of a `Record`."""

    STORED = "stored"
    FENCED = "fenced"
    """The lease has passed on, or the status was another: nothing was written."""
    NO_CAPACITY = "no-capacity"
    """The host is full: nothing was written."""
    NO_BUDGET = "no-budget"
    """An account would hold more than its cap: nothing was written."""


@attrs.frozen(kw_only=True)
class LogSlice:
    """Stored output of one stream.

    Attributes:
        data: the bytes from the offset on; where some were left out, the marker stands in their place.
        next_offset: where to go on.
        more: whether there is more stored already.
    """

    data: bytes
    next_offset: int
    more: bool = False


@attrs.frozen(kw_only=True)
class Signals:
    """What others ask of the worker that holds a job.

    Attributes:
        cancel: job ids whose cancellation was asked for.
        move: ids of launching and running jobs that were asked to another host than the one they are on.
        watched: job ids whose output somebody follows right now.
    """

    cancel: frozenset[UUID] = frozenset()
    move: frozenset[UUID] = frozenset()
    watched: frozenset[UUID] = frozenset()


GLANCE_SECONDS = 0.02
"""Between two looks at a store that is not told of changes."""

TOLD_GLANCE_SECONDS = 1.0
"""Between two looks at one that is: for what it was not told of after all."""


ADDED_AT_ONCE = 5_000
"""Jobs in one `add_many` where others wait until it has written them."""


class JobStore(Protocol):
    """Where jobs live. Safe for several threads and, unless it says otherwise, several processes.

    Every method raises `StoreUnavailable` when the store cannot be reached or written.
    A job that is written by `record_many` keeps what others write: ``requested_host``, and ``cancel_requested_at``
    until a finished job becomes pending again: a restart drops the mark.
    """

    url: str

    @property
    def glance_seconds(self) -> float:
        """How long may pass from one look at `changed` to the next: not long where nothing tells of what changes."""
        ...

    @property
    def added_at_once(self) -> int:
        """How many jobs one `add_many` should get of a long list."""
        ...

    def installation_id(self) -> str:
        """The id that marks everything started for this store; made on first use, then constant."""
        ...

    def add_many(self, jobs: Iterable[Job]) -> None:
        """Store new jobs, all or none, durably.

        Args:
            jobs: may be read several times; each is made only when it is read first.

        Raises `InvalidInput` for an id that is taken and for a secret in clear.
        """
        ...

    def get(self, job_id: UUID) -> Job:
        """The job. Raises `NotFound`."""
        ...

    def find(self, prefix: str) -> Sequence[UUID]:
        """At most two ids that begin with these characters of the hexadecimal form."""
        ...

    def list(self, query: JobQuery) -> Sequence[Job]:
        """The jobs of a query, newest first."""
        ...

    def count(self) -> Mapping[tuple[JobStatus, str | None], int]:
        """How many jobs there are by status and host (of the latest attempt, else asked for)."""
        ...

    def live_by_host(self) -> Mapping[str, int]:
        """How many jobs are launching or running on each host; hosts without any may be missing."""
        ...

    def executions(self, job_id: UUID) -> Sequence[Execution]:
        """Every attempt of a job, the first one first."""
        ...

    def heartbeat(self, worker: str, lease_seconds: float) -> None:
        """Say that a worker lives: its leases hold for so long from now, by the store's own clock.

        While the worker holds no job, a store may keep this to itself, for as long as it is open.
        """
        ...

    def claim(self, claim: Claim) -> Sequence[Job]:
        """Take jobs under this worker's lease: each gets a new epoch.

        A worker whose lease has run out loses all its jobs at the next claim of anybody; one that has
        no heartbeat gets nothing. First jobs that need attention and are in nobody's hands, the oldest
        first, beyond the limit; then pending ones past their `Job.queue_deadline`, so that somebody ends them,
        beyond the limit too and whether or not there is room; then pending ones that are due, highest
        priority first, then the oldest. A pending job whose cancellation was asked for is due at once.
        """
        ...

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        """Write the next states of jobs in one durable transaction, in order; a `RecordOutcome` for each.

        A record is written only if the stored job has the same worker and epoch.
        """
        ...

    def release(self, worker: str) -> None:
        """Give back every lease of a worker and forget it."""
        ...

    def request_cancel(self, job_ids: Sequence[UUID], now: datetime) -> None:
        """Mark jobs for cancellation; finished ones and those marked already stay as they are."""
        ...

    def request_move(self, job_ids: Sequence[UUID], host: str) -> None:
        """Ask for jobs to run on a host: their ``requested_host`` from now on; finished ones stay as they are."""
        ...

    def watch(self, job_id: UUID, until: datetime) -> None:
        """Ask whoever holds the job to take over its output at once, until then. Raises `NotFound`."""
        ...

    def leased(self, worker: str) -> Sequence[Job]:
        """Every job that a worker holds: what it asks for when it is unsure whether a write went through."""
        ...

    def signals(self, worker: str) -> Signals:
        """What others ask of this worker's jobs; nothing for those that have finished."""
        ...

    def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        """What each of these accounts holds, in whole millionths; 0 for one that nothing was charged to."""
        ...

    def accounts(self, beginning: str) -> Mapping[str, Decimal]:
        """What the accounts hold whose names begin with this text, in the order of their names."""
        ...

    def costs(self, query: CostQuery) -> Sequence[CostSum]:
        """Sums of what the ended attempts of stored jobs have cost, in the order of their keys.

        Attempts that cost nothing are in no sum.
        """
        ...

    def replace_secrets(self, secrets: Mapping[UUID, Mapping[str, Secret]]) -> None:
        """Put these in the place of all the secrets of some jobs: the same values, sealed with another key.

        Jobs that do not exist are passed over. Raises `InvalidInput` for a secret in clear.
        """
        ...

    def read_logs(
        self, job_id: UUID, stream: Stream, *, attempt: int | None = None, offset: int = 0, limit: int = 1_048_576
    ) -> LogSlice:
        """Stored output from an offset on; of the latest attempt unless told otherwise. Raises `NotFound`.

        A slice is either bytes of the stream or one whole marker where bytes were left out, so that
        who wants everything reads on from ``next_offset`` while there is ``more``.
        """
        ...

    def changed(self, since: object | None) -> tuple[object, bool]:
        """A token for the present state, and whether anything may have changed since the one given.

        Cheap enough to be called fifty times a second.
        """
        ...

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have it called, from any thread and soon after something may have changed, where the store is told of that.

        Not every store is told of everything: who waits looks at `changed` all the same, every `glance_seconds`.

        Returns:
            What ends it.
        """
        ...

    def delete_finished(self, before: datetime) -> int:
        """Forget jobs that finished before then and need nothing more; how many there were."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
