"""Waiting for jobs and following their output, from the store alone."""

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from container_manager_core.clock import Clock
from container_manager_core.executor import LogChunk, Stream
from container_manager_core.store.protocol import GLANCE_SECONDS, JobStore

WATCH_SECONDS = 10.0


class Changes:
    """Waits until a store may have changed.

    Args:
        store: asked fifty times a second whether anything changed.
        clock: where the time comes from.
        check: called at each look; may raise to end the wait.
    """

    def __init__(self, store: JobStore, clock: Clock, check: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._clock = clock
        self._check = check
        self._token: object | None = None
        self._pause = threading.Event()

    def wait(self, seconds: float) -> None:
        """Sleep until something may have changed since the last call, or the time is over."""
        until = self._clock.monotonic() + seconds
        while True:
            self._check()
            self._token, changed = self._store.changed(self._token)
            if changed or self._clock.monotonic() >= until:
                return
            self._pause.wait(GLANCE_SECONDS)


class Follower:
    """A job's output as it comes. Iterating it again goes on where the last iteration stopped.

    While it is iterated, whoever works on the job takes its output over at once.

    Args:
        store: where the job lives.
        clock: where the time comes from.
        job_id: whose output.
        streams: which of its streams.
        from_attempt: where to begin; with the latest attempt when left out.
        check: called while waiting; may raise to end it.
    """

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        job_id: UUID,
        streams: Iterable[Stream] = tuple(Stream),
        from_attempt: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._job_id = job_id
        self._offsets = dict.fromkeys(streams, 0)
        self._attempt = from_attempt
        self._watched_until = float("-inf")
        self._changes = Changes(store, clock, check)

    def __iter__(self) -> Iterator[LogChunk]:
        """Pieces of output, attempt after attempt, until the job has ended."""
        while True:
            self._keep_watch()
            job = self._store.get(self._job_id)
            if self._attempt is None:
                self._attempt = job.attempt
            while self._attempt < job.attempt:
                yield from self._new_pieces()
                self._attempt, self._offsets = self._attempt + 1, dict.fromkeys(self._offsets, 0)
            yield from self._new_pieces()
            if job.status.is_terminal:
                return
            self._changes.wait(WATCH_SECONDS / 2)

    def _new_pieces(self) -> Iterator[LogChunk]:
        for stream, offset in list(self._offsets.items()):
            for piece, next_offset in pieces(self._store, self._job_id, stream, self._attempt, offset):
                yield LogChunk(stream, piece)
                self._offsets[stream] = next_offset

    def _keep_watch(self) -> None:
        now = self._clock.monotonic()
        if now >= self._watched_until - WATCH_SECONDS / 2:
            self._store.watch(self._job_id, self._clock.now() + timedelta(seconds=WATCH_SECONDS))
            self._watched_until = now + WATCH_SECONDS


def pieces(
    store: JobStore, job_id: UUID, stream: Stream, attempt: int | None = None, offset: int = 0
) -> Iterator[tuple[bytes, int]]:
    """Stored output from an offset on, as far as there is any; each piece with the offset after it."""
    while True:
        found = store.read_logs(job_id, stream, attempt=attempt, offset=offset)
        if found.data:
            offset = found.next_offset
            yield found.data, offset
        if not found.more:
            return
