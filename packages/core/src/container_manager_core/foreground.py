"""Working on one job from the caller's own process, while the caller waits."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from container_manager_core.background import BackgroundWorker
from container_manager_core.clock import Clock
from container_manager_core.errors import IllegalTransition
from container_manager_core.executor import Stream
from container_manager_core.fleet import Fleet
from container_manager_core.following import Changes, Follower
from container_manager_core.job import Job, JobStatus
from container_manager_core.store.protocol import JobStore

if TYPE_CHECKING:
    from container_manager_core.worker import Worker

OnOutput = Callable[[Stream, bytes], None]

CLEANUP_SECONDS = 30.0
_LOOK_SECONDS = 0.5


@attrs.frozen(kw_only=True)
class Foreground:
    """A stored job, and a worker for it alone.

    Attributes:
        job_id: the job.
        store, fleet, clock: what it works with.
        worker: makes the worker.
        cancel: asks for the job to be stopped.
    """

    job_id: UUID
    store: JobStore
    fleet: Fleet
    clock: Clock
    worker: "Callable[[], Worker]"
    cancel: Callable[[UUID], object]

    def run(self, on_output: OnOutput | None = None) -> Job:
        """Work on it until it has ended and nothing is left of it; a first KeyboardInterrupt cancels it."""
        with BackgroundWorker(self.worker()) as background:
            output = Follower(self.store, self.clock, self.job_id, from_attempt=0, check=background.check)
            self._stream_until_ended(output, on_output)
            self._wait_for_cleanup(background.check)
        return self._job()

    def launch(self) -> Job:
        """Start it, or find that it has to wait. Raises `IllegalTransition` where it is not pending."""
        status = self._job().status
        if status is not JobStatus.PENDING:
            raise IllegalTransition(self.job_id, status.value, JobStatus.LAUNCHING.value, "only a pending job starts")
        return self._work_until(lambda job: job.status is not JobStatus.LAUNCHING and _was_tried(job))

    def harvest(self) -> Job:
        """Take over what its ended execution left behind, and clean up after it; nothing while it runs."""
        job = self._job()
        return self._work_until(lambda job: not job.needs_attention) if self._is_to_harvest(job) else job

    def _job(self) -> Job:
        return self.store.get(self.job_id)

    def _is_to_harvest(self, job: Job) -> bool:
        if job.status is not JobStatus.RUNNING:
            # Whoever stored its end may have been stopped before the cleanup.
            return job.status.is_terminal and job.needs_attention
        if job.execution is None or job.execution.execution_id is None:
            return False
        return self.fleet.executor(job.execution.host).check_status(job.execution.execution_id).has_ended

    def _work_until(self, is_done: Callable[[Job], bool]) -> Job:
        changes = Changes(self.store, self.clock)
        with BackgroundWorker(self.worker()) as background:
            while not is_done(job := self._job()):
                background.check()
                changes.wait(_LOOK_SECONDS)
        return job

    def _stream_until_ended(self, output: Follower, on_output: OnOutput | None) -> None:
        def stream() -> None:
            for chunk in output:
                if on_output is not None:
                    on_output(chunk.stream, chunk.data)

        try:
            stream()
        except KeyboardInterrupt:
            try:
                self.cancel(self.job_id)
            except IllegalTransition:
                return  # it ended by itself just now
            stream()

    def _wait_for_cleanup(self, check: Callable[[], None]) -> None:
        """Until nothing is left on the platform; not longer than a while, the next worker would do it."""
        until = self.clock.monotonic() + CLEANUP_SECONDS
        changes = Changes(self.store, self.clock, check)
        while self._job().needs_attention and self.clock.monotonic() < until:
            changes.wait(_LOOK_SECONDS)


def _was_tried(job: Job) -> bool:
    """Whether a worker has decided on a pending job, if only that it has to wait."""
    return job.status is not JobStatus.PENDING or job.waiting is not None
