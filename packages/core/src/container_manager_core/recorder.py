"""Writing transitions: many threads, one durable transaction for whatever has gathered."""

import threading
from collections.abc import Sequence
from decimal import Decimal

from container_manager_core.amounts import amount_text
from container_manager_core.costs.budget import Budget
from container_manager_core.errors import LeaseLost, StoreUnavailable
from container_manager_core.job import Job, JobStatus
from container_manager_core.log import get_logger
from container_manager_core.plugins import Plugins
from container_manager_core.store.protocol import Charge, JobStore, Record, RecordOutcome, StoredLog

_log = get_logger()

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class _Entry:
    """A record on its way. Its ``turn`` is locked until it was written, or is to write all that has gathered."""

    __slots__ = ("error", "outcome", "record", "turn")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.outcome: str | None = None
        self.error: BaseException | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


class Recorder:
    """Stores the next states of jobs and tells the hooks.

    Whoever comes first writes for all who came meanwhile (group commit), and names who is next before these go on.

    Args:
        store: where to.
        plugins: told of every move after it was stored.
        give_up: set when the process ends: a store that cannot be reached is no longer waited for.
    """

    def __init__(self, store: JobStore, plugins: Plugins, give_up: threading.Event) -> None:
        self._store = store
        self._plugins = plugins
        self._give_up = give_up
        self._queue: list[_Entry] = []
        self._queueing = threading.Lock()
        self._writer: _Entry | None = None

    def record(
        self,
        before: Job,
        after: Job,
        *,
        logs: Sequence[StoredLog] = (),
        charges: Sequence[Charge] = (),
        release: bool = False,
    ) -> Job:
        """Store a job's next state durably, waiting for the store as long as it takes.

        Returns:
            The job as it is stored: ``before`` when an account would hold more than its cap.

        Raises:
            LeaseLost: the job has passed to another worker; nothing was written.
            StoreUnavailable: the store cannot be written and the process is about to end.
        """
        record = Record(job=after, expect=before.status, logs=tuple(logs), charges=tuple(charges), release=release)
        outcome = self._patiently(record)
        if outcome == RecordOutcome.NO_BUDGET:
            return before
        if outcome != RecordOutcome.STORED:
            raise LeaseLost(after.id, after.worker)
        if before.status is not after.status:
            self.announce(after, before.status)
        return after

    def record_many(self, records: Sequence[Record]) -> Sequence[str]:
        """Store many at once; a `RecordOutcome` for each. Raises `StoreUnavailable` at once."""
        return self._store.record_many(records)

    def announce(self, job: Job, previous: JobStatus | None) -> None:
        """Tell the hooks of a move that was stored."""
        self._plugins.tell("container_manager_job_changed", job=job, previous=previous)

    def warn(self, budget: Budget, spent: Decimal, job: Job) -> None:
        """Tell the hooks of a budget that is nearly used."""
        _log.warning("budget.nearly_used", budget=str(budget), spent=amount_text(spent), job_id=str(job.id))
        self._plugins.tell("container_manager_budget_warning", budget=budget, spent=spent, job=job)

    def _patiently(self, record: Record) -> str:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._together(record)
            except StoreUnavailable as error:
                _log.warning("store.unavailable", error=str(error), job_id=str(record.job.id))
                if self._give_up.wait(pause):
                    raise
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _together(self, record: Record) -> str:
        entry = _Entry(record)
        with self._queueing:
            self._queue.append(entry)
            if self._writer is None:
                self._name_writer()
        try:
            entry.turn.acquire()
        except BaseException:  # a signal's: nobody may wait for a writer who has gone
            self._withdraw(entry)
            raise
        if entry is self._writer:
            self._write()
        if entry.error is not None:
            raise entry.error
        assert entry.outcome is not None
        return entry.outcome

    def _name_writer(self) -> None:
        """Let the next in the queue write; the caller holds the queue's lock."""
        self._writer = self._queue[0] if self._queue else None
        if self._writer is not None:
            self._writer.turn.release()

    def _withdraw(self, entry: _Entry) -> None:
        with self._queueing:
            if entry in self._queue:
                self._queue.remove(entry)
            if entry is self._writer:
                self._name_writer()

    def _write(self) -> None:
        with self._queueing:
            batch, self._queue = self._queue, []
        try:
            self._store_together(batch)
        finally:
            with self._queueing:
                self._name_writer()
            for entry in batch[1:]:
                entry.turn.release()

    def _store_together(self, entries: Sequence[_Entry]) -> None:
        """Write them in one transaction; one by one where that failed for what is in it, which may be one's fault."""
        try:
            outcomes = self._store.record_many([entry.record for entry in entries])
            for entry, outcome in zip(entries, outcomes, strict=True):
                entry.outcome = outcome
        except BaseException as error:  # whatever it is, nobody may wait for an answer that never comes
            if len(entries) == 1 or isinstance(error, StoreUnavailable) or not isinstance(error, Exception):
                for entry in entries:
                    entry.error = error
            else:
                for entry in entries:
                    self._store_together([entry])
