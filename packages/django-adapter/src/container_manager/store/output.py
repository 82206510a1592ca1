"""Output in the database: chunks that are appended and read by their position."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from container_manager.store.postgresql import binding_cursor
from container_manager.store.rows import CHUNKS
from container_manager.store.sql import insert, value
from container_manager_core.executor import Stream
from container_manager_core.job import Job
from container_manager_core.store.logs import Chunk, Retention
from container_manager_core.store.protocol import LogSlice, StoredLog

_COLUMNS = ("job_id", "attempt", "stream", "start", "size", "data")
_STREAM = "job_id = %s AND attempt = %s AND stream = %s"
_READ_AT_ONCE = 8
_MOST_READ_AT_ONCE = 512
_LITTLE_BYTES = 64 * 1024


class Output:
    """Reads and writes the streams of jobs' attempts.

    Args:
        connection: of the cursor.
        cursor: runs the statements.
    """

    def __init__(self, connection: Any, cursor: Any) -> None:
        self._connection = connection
        self._cursor = cursor

    def append(self, job: Job, piece: StoredLog) -> None:
        """Add a piece to the latest attempt's stream, whatever is stored of it already."""
        key = self._key(job.id, job.attempt, piece.stream)
        retention = Retention.of_spec(job.spec)
        chunks = list(retention.split(self.length(key), piece.offset, piece.data))
        if not chunks:
            return
        found = [(*key, chunk.offset, len(chunk.data), chunk.data) for chunk in chunks]
        self._insert(found)
        gap_start, gap_end = retention.gap(piece.offset + len(piece.data))
        if gap_start < gap_end:
            self._cursor.execute(
                f"DELETE FROM {CHUNKS} WHERE {_STREAM} AND start >= %s AND start < %s AND start + size <= %s",
                (*key, gap_start, gap_end, gap_end),
            )

    def read(self, job_id: UUID, attempt: int, stream: Stream, limits: tuple[int, int, int]) -> LogSlice:
        """A part of a stream.

        Args:
            limits: the most bytes kept of the stream, the offset, and the most bytes wanted.
        """
        kept, offset, limit = limits
        key = self._key(job_id, attempt, stream)
        return Retention.of(kept).read(self._chunks(key, offset), self.length(key), offset, limit)

    def length(self, key: tuple[Any, int, str]) -> int:
        """The length of a stream, what was left out included."""
        self._cursor.execute(f"SELECT start + size FROM {CHUNKS} WHERE {_STREAM} ORDER BY start DESC LIMIT 1", key)
        row = self._cursor.fetchone()
        return int(row[0]) if row else 0

    def _insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        statement = insert(CHUNKS, _COLUMNS)
        if self._connection.vendor != "postgresql" or not hasattr(self._cursor, "copy"):
            self._cursor.executemany(statement, rows)
            return
        with binding_cursor(self._connection) as cursor:
            cursor.executemany(statement, rows)

    def _chunks(self, key: tuple[Any, int, str], offset: int) -> Iterator[Chunk]:
        """The chunk that has the offset, or the next one, and those behind it; a few at a time."""
        self._cursor.execute(
            f"SELECT start FROM {CHUNKS} WHERE {_STREAM} AND start <= %s ORDER BY start DESC LIMIT 1", (*key, offset)
        )
        row = self._cursor.fetchone()
        start = int(row[0]) if row else 0
        at_once = _READ_AT_ONCE
        while True:
            self._cursor.execute(
                f"SELECT start, data FROM {CHUNKS} WHERE {_STREAM} AND start >= %s ORDER BY start LIMIT {at_once}",
                (*key, start),
            )
            found = self._cursor.fetchall()
            yield from (Chunk(int(position), bytes(data)) for position, data in found)
            if len(found) < at_once:
                return
            start = found[-1][0] + 1
            # A job that prints a line a second has thousands of small chunks.
            if sum(len(data) for _, data in found) < _LITTLE_BYTES:
                at_once = min(4 * at_once, _MOST_READ_AT_ONCE)

    def _key(self, job_id: UUID, attempt: int, stream: Stream) -> tuple[Any, int, str]:
        return value(self._connection, job_id), attempt, stream.value
