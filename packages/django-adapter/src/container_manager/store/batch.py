"""One batch of records on its way into the database, inside one transaction."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import attrs

from container_manager.store.accounts import Accounts
from container_manager.store.output import Output
from container_manager.store.places import Places
from container_manager.store.postgresql import can_pipeline
from container_manager.store.writing import PostgresWriter, writer_of
from container_manager_core.store.protocol import Record, RecordOutcome


def is_plain(records: Sequence[Record]) -> bool:
    """Whether `write_at_once` may be able to write a batch."""
    once = len({record.job.id for record in records}) == len(records)
    return once and not any(record.charges or record.logs for record in records)


def write_at_once(cursor: Any, records: Sequence[Record], tells: bool) -> Sequence[str] | None:
    """The `RecordOutcome` of each, written by a single statement on PostgreSQL; None where that is not possible."""
    writer = PostgresWriter(cursor, tells)
    if any(record.capacity is not None for record in records):
        stored = writer.write_with_places(records) if can_pipeline(cursor.db) else None
        if stored is None:
            return None
    else:
        stored = writer.write(records)
    return [RecordOutcome.STORED if record.job.id in stored else RecordOutcome.FENCED for record in records]


class Batch:
    """Writes records as if one after the other, each seeing those before it, in as few statements as there can be.

    Each is a compare-and-set: a job is only written while it has the record's worker, epoch and status.

    Args:
        connection: in a transaction.
        cursor: runs the statements.
        records: all that will be written.
        tells: whether others are to hear of it.
    """

    def __init__(self, connection: Any, cursor: Any, records: Sequence[Record], tells: bool) -> None:
        self._records = records
        self._writer = writer_of(connection, cursor, tells)
        self._output = Output(connection, cursor)
        self._places = Places(connection, cursor, records)
        self._accounts = Accounts(connection, cursor, records)
        self._outcomes: dict[int, str] = {}

    def write(self) -> Sequence[str]:
        """The `RecordOutcome` of each."""
        for part in self._parts():
            self._write_part(part)
        self._accounts.finish()
        return [self._outcomes[number] for number in range(len(self._records))]

    def _parts(self) -> Iterator[list[int]]:
        """The numbers of the records, parted where the same job comes again."""
        part: list[int] = []
        seen: set[UUID] = set()
        for number, record in enumerate(self._records):
            if record.job.id in seen:
                yield part
                part, seen = [], set()
            part.append(number)
            seen.add(record.job.id)
        yield part

    def _write_part(self, part: Sequence[int]) -> None:
        """Admit what there is room and money for, and write it; what was not ours after all gives both back."""
        taken = {number: self._take(self._records[number]) for number in part}
        admitted = [number for number in part if isinstance(taken[number], _Taken)]
        refused = [number for number in part if number not in admitted]
        stored = self._writer.write([self._records[number] for number in admitted])
        for number in admitted:
            record = self._records[number]
            is_stored = record.job.id in stored
            self._outcomes[number] = RecordOutcome.STORED if is_stored else RecordOutcome.FENCED
            if is_stored:
                self._append(record)
            else:
                self._give_back(taken[number])
        if refused and len(stored) < len(admitted):
            return self._write_part(refused)
        ours = self._writer.held([self._records[number] for number in refused])
        for number in refused:
            is_ours = self._records[number].job.id in ours
            self._outcomes[number] = str(taken[number]) if is_ours else RecordOutcome.FENCED
        return None

    def _take(self, record: Record) -> "_Taken | str":
        if not self._places.has_room(record):
            return RecordOutcome.NO_CAPACITY
        if not self._accounts.book(record.charges):
            return RecordOutcome.NO_BUDGET
        return _Taken(record=record, left=self._places.move(record.job))

    def _give_back(self, taken: "_Taken | str") -> None:
        assert isinstance(taken, _Taken)
        self._places.move_back(taken.record.job, taken.left)
        self._accounts.give_back(taken.record.charges)

    def _append(self, record: Record) -> None:
        for piece in record.logs:
            self._output.append(record.job, piece)


@attrs.frozen(kw_only=True)
class _Taken:
    """What an admitted record has taken.

    Attributes:
        record: whose.
        left: the host whose place it has left, if any.
    """

    record: Record
    left: str | None
