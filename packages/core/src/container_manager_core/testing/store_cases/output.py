"""Output is stored once, kept within its limit and read back byte for byte."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_manager_core.clock import VirtualClock
from container_manager_core.executor import Stream
from container_manager_core.job import Job
from container_manager_core.store.logs import gap_marker
from container_manager_core.store.protocol import JobStore, Record, RecordOutcome, StoredLog
from container_manager_core.testing.store_kit import StoreKit

_EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class OutputCases(StoreKit):
    """What `JobStore.record_many` stores of a job's output and `JobStore.read_logs` gives."""

    def started(self, store: JobStore, clock: VirtualClock, max_output_bytes: int = 4096) -> Job:
        """A running job with so small an output limit."""
        (added,) = self.add(store, clock, spec={"max_output_bytes": max_output_bytes})
        (job,) = self.take(store, only_jobs=frozenset({added.id}))
        return self.run(store, clock, job)

    def test_each_stream_comes_back_byte_for_byte(
        self, store: JobStore, other_store: JobStore, clock: VirtualClock
    ) -> None:
        job = self.started(store, clock)
        out, err = bytes(range(256)) * 3, b"\0\xff\xfe not \xc3 UTF-8\r\n"
        self.write(store, job, (0, out[:100]), (100, out[100:]))
        self.write(store, job, (0, err), stream=Stream.STDERR)
        assert self.read(other_store, job.id) == out
        assert self.read(other_store, job.id, Stream.STDERR) == err

    def test_an_absent_stream_is_empty(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock)
        part = store.read_logs(job.id, Stream.STDERR, offset=7)
        assert (part.data, part.next_offset, part.more) == (b"", 7, False)

    def test_reading_goes_on_where_it_ended(self, store: JobStore, clock: VirtualClock) -> None:
        """A reader at the end gets nothing, and later what has come since."""
        job = self.started(store, clock)
        self.write(store, job, (0, b"one "))
        first = store.read_logs(job.id, Stream.STDOUT)
        nothing = store.read_logs(job.id, Stream.STDOUT, offset=first.next_offset)
        assert (nothing.data, nothing.next_offset, nothing.more) == (b"", 4, False)
        self.write(store, job, (4, b"two"))
        assert self.read(store, job.id, offset=nothing.next_offset) == b"two"

    def test_a_piece_is_stored_once(self, store: JobStore, clock: VirtualClock) -> None:
        """Whoever repeats a piece, or sends it in other sizes, after a crash adds nothing."""
        job = self.started(store, clock)
        self.write(store, job, (0, b"abc"), (3, b"def"))
        self.write(store, job, (0, b"abc"), (3, b"def"), (0, b"abcdef"), (2, b"cdefgh"), (8, b""))
        assert self.read(store, job.id) == b"abcdefgh"

    def test_a_refused_record_stores_no_output(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock)
        store.release("worker-1")
        piece = StoredLog(stream=Stream.STDOUT, offset=0, data=b"late")
        assert list(store.record_many([Record(job=job, logs=(piece,))])) == [RecordOutcome.FENCED]
        assert self.read(store, job.id) == b""

    def test_each_attempt_has_its_own_output(self, store: JobStore, clock: VirtualClock) -> None:
        (added,) = self.add(store, clock)
        for data in (b"first", b"second"):
            (job,) = self.take(store)
            self.write_and_finish(store, clock, job, data)
            self.restart(store, clock, added.id)
        assert self.read(store, added.id) == self.read(store, added.id, attempt=2) == b"second"
        assert self.read(store, added.id, attempt=1) == b"first"
        assert self.read(store, added.id, attempt=3) == b""

    def test_the_head_and_the_tail_are_kept(self, store: JobStore, clock: VirtualClock) -> None:
        """Half of the limit each, to the byte, with the marker between that says how much is missing."""
        job = self.started(store, clock, 1025)
        data = os.urandom(5000)
        for start in range(0, 5000, 77):
            self.write(store, job, (start, data[start : start + 77]))
        expected = data[:513] + gap_marker(5000 - 1025) + data[-512:]
        assert self.read(store, job.id) == expected
        assert self.read(store, job.id, limit=10) == expected

    def test_single_bytes_are_kept_to_the_byte(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock, 1024)
        data = os.urandom(1100)
        self.write(store, job, *((offset, data[offset : offset + 1]) for offset in range(1100)))
        assert self.read(store, job.id) == data[:512] + gap_marker(76) + data[-512:]

    def test_output_up_to_the_limit_is_whole(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock, 1024)
        data = os.urandom(1024)
        self.write(store, job, (0, data[:600]), (600, data[600:]))
        assert self.read(store, job.id) == data

    def test_a_piece_larger_than_the_limit(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock, 1024)
        data = os.urandom(3_000_000)
        self.write(store, job, (0, data))
        assert self.read(store, job.id) == data[:512] + gap_marker(len(data) - 1024) + data[-512:]

    def test_a_piece_that_never_came_leaves_a_marker(self, store: JobStore, clock: VirtualClock) -> None:
        job = self.started(store, clock)
        self.write(store, job, (0, b"head"), (10, b"tail"))
        assert self.read(store, job.id) == b"head" + gap_marker(6) + b"tail"

    @_EXAMPLES
    @given(
        pieces=st.lists(st.integers(1, 900), max_size=20),
        limits=st.lists(st.integers(1, 1500), min_size=1, max_size=5),
        repeated=st.integers(0, 3),
    )
    def test_any_sizes_of_reads_and_writes_give_the_same_bytes(
        self, store: JobStore, clock: VirtualClock, pieces: list[int], limits: list[int], repeated: int
    ) -> None:
        job = self.started(store, clock, 2048)
        data, position = os.urandom(sum(pieces)), 0
        for size in pieces:
            start = max(0, position - repeated)
            self.write(store, job, (start, data[start : position + size]))
            position += size
        expected = data if position <= 2048 else data[:1024] + gap_marker(position - 2048) + data[-1024:]
        read, offset, turn = b"", 0, 0
        while True:
            part = store.read_logs(job.id, Stream.STDOUT, offset=offset, limit=limits[turn % len(limits)])
            read, offset, turn = read + part.data, part.next_offset, turn + 1
            if not part.more:
                break
        assert read == expected
        assert offset == position
