"""Definitions: made once for each content, removed when long unused."""

import threading
import time
from datetime import timedelta

from container_manager_cloudrun.client import Api
from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.translation.definition import Definition
from container_manager_cloudrun.translation.states import definition_refused, is_owned, last_used
from container_manager_core.clock import Clock
from container_manager_core.errors import ExecutorError, TransientError
from container_manager_core.log import get_logger
from container_manager_core.remembering import Recent

_log = get_logger()

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_COLLECT_SECONDS = 3600.0


class Definitions:
    """The Cloud Run jobs of one installation on one host.

    Args:
        api: the platform.
        options: how long they are kept.
        clock: where the time comes from.
        installation: the label's value on each.
    """

    def __init__(self, api: Api, options: CloudRunOptions, clock: Clock, installation: str) -> None:
        self._api = api
        self._options = options
        self._clock = clock
        self._installation = installation
        self._locks: Recent[str, threading.Lock] = Recent()
        self._ready_at: Recent[str, float] = Recent()
        self._collect_at = clock.monotonic()

    def make(self, definition: Definition, missed_at: float) -> None:
        """Have a definition that is missing or not ready. Blocks until it is ready; of several threads one makes it.

        Args:
            definition: which.
            missed_at: monotonic time at which the platform was asked to run it and could not: what was made
                since then need not be made again.

        Raises:
            PermanentError: the platform cannot use it, for example its image.
            TransientError: it is not ready within the host's ``timeout``.
        """
        with self._locks.setdefault(definition.name, threading.Lock()):
            ready_at = self._ready_at.get(definition.name)
            if ready_at is not None and ready_at >= missed_at:
                return
            self._api.create_job(definition.parent, definition.job_id, definition.job)
            self._wait(definition)
            self._ready_at.put(definition.name, time.monotonic())
        self._collect_hourly()

    def collect(self) -> int:
        """Remove this installation's definitions that were not used for long and have no executions; how many.

        One that is used again just then is made again, but an execution that is accepted in the very moment in
        which its definition is removed is lost with it.
        """
        oldest = self._clock.now() - timedelta(days=self._options.definition_days)
        removed = 0
        for job in self._api.list_jobs():
            if not is_owned(job.labels, self._installation) or last_used(job) > oldest:
                continue
            if next(self._api.list_executions(job.name.rpartition("/")[2]), None) is None:
                self._api.delete_job(job)
                removed += 1
        return removed

    def _collect_hourly(self) -> None:
        if self._clock.monotonic() < self._collect_at:
            return
        self._collect_at = self._clock.monotonic() + _COLLECT_SECONDS
        try:
            self.collect()
        except ExecutorError as error:
            _log.warning("definitions.not_collected", error=str(error))

    def _wait(self, definition: Definition) -> None:
        deadline = time.monotonic() + self._options.timeout
        pause = _FIRST_PAUSE_SECONDS
        while time.monotonic() < deadline:
            job = self._api.get_job(definition.name)
            if job is not None and not job.reconciling:
                refusal = definition_refused(job)
                if refusal is None:
                    return
                # The next launch shall try it again: the image may have been pushed meanwhile.
                self._api.delete_job(job)
                raise refusal
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        raise TransientError(
            f"the definition {definition.name} was not ready after {self._options.timeout:g} s",
            hint="raise the host's timeout if that is normal there",
        )
