"""Runs jobs on Google Cloud Run Jobs, in one project and region."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from google.cloud import run_v2

from container_manager_cloudrun.client import Api
from container_manager_cloudrun.definitions import Definitions
from container_manager_cloudrun.launching import Launcher
from container_manager_cloudrun.logs import Reading, Taken
from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.plugin import CAPABILITIES
from container_manager_cloudrun.prices import cost, rates_of, size_of
from container_manager_cloudrun.translation.definition import installation_value, plan_of
from container_manager_cloudrun.translation.states import (
    NOT_FOUND,
    ExecutionName,
    has_ended,
    is_owned,
    needs_task,
    owned_execution,
    state_of,
)
from container_manager_core.errors import ExecutorError, TransientError
from container_manager_core.executor import (
    ContainerExecutor,
    ExecutionRequest,
    ExecutionState,
    ExecutorContext,
    Harvest,
    Health,
    Launch,
    LogPage,
    OwnedExecution,
    Plan,
)
from container_manager_core.remembering import Recent
from container_manager_core.secrets import Masker
from container_manager_core.spec import ContainerSpec

_PAGE_BYTES = 1_048_576
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_GRACE_SECONDS = 10.0
"""How long the platform lets a task that is stopped end by itself. Source:
https://cloud.google.com/run/docs/container-contract, known to the authors and not checked."""


class CloudRunExecutor(ContainerExecutor):
    """Runs each attempt as an execution of a Cloud Run job; the execution's id is its resource name.

    Args:
        options: where and as whom.
        context: who asks.
    """

    capabilities = CAPABILITIES

    def __init__(self, options: CloudRunOptions, context: ExecutorContext) -> None:
        self._options = options
        self._context = context
        self._installation = installation_value(context.installation_id)
        self._rates = rates_of(options)
        self._api = Api(options)
        self._definitions = Definitions(self._api, options, context.clock, self._installation)
        self._launcher = Launcher(self._api, self._definitions, options)
        self._launched: Recent[str, float] = Recent()
        self._ended: Recent[str, tuple[ExecutionState, float]] = Recent()
        self._removed: Recent[str, bool] = Recent()

    def launch_job(self, job: ExecutionRequest) -> Launch:
        try:
            launch = self._launcher.launch(job)
        except ExecutorError as error:
            masker = Masker(job.secrets.values())
            message = masker.mask_text(error.message)
            raise type(error)(message, error.kind, error.hint, error.may_have_started) from None
        self._launched.setdefault(launch.execution_id, time.monotonic())
        return launch

    def find_execution(self, job: ExecutionRequest) -> str | None:
        found = self._launcher.find(job)
        return None if found is None else found.name

    def check_status(self, execution_id: str) -> ExecutionState:
        name = ExecutionName.parse(execution_id, self._options)
        execution = self._api.get_execution(execution_id) if name is not None else None
        return NOT_FOUND if execution is None else self._state(execution)

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        """See the contract. One listing tells of many; it ends as soon as each was seen.

        A listing of more pages than executions were asked for, in a project with many others, is given up for
        single calls.
        """
        states = dict.fromkeys(execution_ids, NOT_FOUND)
        wanted: dict[str, ExecutionName] = {}
        for execution_id in states:
            name = ExecutionName.parse(execution_id, self._options)
            if name is not None:
                wanted[execution_id] = name
        definitions = {name.job for name in wanted.values()}
        if len(wanted) > 1:
            wanted_at_first = len(wanted)
            pages = self._api.execution_pages(next(iter(definitions)) if len(definitions) == 1 else "-")
            for number, page in enumerate(pages, 1):
                found = {execution.name: self._state(execution) for execution in page if execution.name in wanted}
                states |= found
                wanted = {name: parts for name, parts in wanted.items() if name not in found}
                if not wanted or number >= wanted_at_first:
                    break
            else:
                return states
        return states | {execution_id: self.check_status(execution_id) for execution_id in wanted}

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = _PAGE_BYTES) -> LogPage:
        reading = self._reading(execution_id, cursor)
        return LogPage(cursor=cursor) if reading is None else next(reading.pages(max(limit, 1)))

    def read_pages(self, execution_id: str, cursor: str = "") -> Iterator[LogPage]:
        reading = self._reading(execution_id, cursor)
        if reading is None:
            yield LogPage(cursor=cursor)
        else:
            yield from reading.pages(_PAGE_BYTES)

    def harvest_job(self, job: ExecutionRequest) -> Harvest:
        """See the contract. The output is read when the platform has had ``quiet_seconds`` to deliver it."""
        execution_id = job.execution_id or ""
        known = self._ended.get(execution_id)
        state = known[0] if known is not None else self.check_status(execution_id)
        return Harvest(
            state=state,
            pages=self._whole_output(execution_id, job.cursor, state),
            cost=self._cost(job.spec, state),
        )

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        """See the contract. The platform's own grace period is 10 seconds and cannot be changed."""
        if ExecutionName.parse(execution_id, self._options) is None:
            return
        self._until_visible(execution_id, self._api.cancel_execution)
        self._await_end(execution_id)

    def cleanup(self, execution_id: str) -> None:
        """See the contract. Entries in Cloud Logging cannot be removed; they are no longer read."""
        if ExecutionName.parse(execution_id, self._options) is None:
            return
        if not self._until_visible(execution_id, self._api.delete_execution):
            self.cancel(execution_id, 0)
            self._api.delete_execution(execution_id)
        self._removed.put(execution_id, True)
        self._ended.forget(execution_id)

    def check_health(self) -> Health:
        began = self._context.clock.monotonic()
        try:
            self._api.check()
        except ExecutorError as error:
            return Health(
                ok=False,
                latency_seconds=self._context.clock.monotonic() - began,
                message=error.message,
                hint=error.hint or "check the host's options",
            )
        return Health(
            ok=True,
            latency_seconds=self._context.clock.monotonic() - began,
            message=f"Cloud Run in {self._options.region} of project {self._options.project}",
        )

    def plan(self, spec: ContainerSpec) -> Plan:
        return plan_of(spec, self._options)

    def list_owned(self) -> Sequence[OwnedExecution]:
        return [
            owned_execution(execution)
            for execution in self._api.list_executions()
            if is_owned(execution.labels, self._installation)
        ]

    def remove_unused_definitions(self) -> int:
        """Remove definitions that were not used for ``definition_days``, now; how many. Making one does it hourly."""
        return self._definitions.collect()

    def close(self) -> None:
        self._api.close()

    def _state(self, execution: run_v2.Execution) -> ExecutionState:
        known = self._ended.get(execution.name)
        if known is not None:
            return known[0]
        task = self._api.get_task(execution.name) if needs_task(execution) else None
        state = state_of(execution, task)
        if state.has_ended:
            self._ended.setdefault(execution.name, (state, time.monotonic()))
        return state

    def _reading(self, execution_id: str, cursor: str) -> Reading | None:
        taken = Taken.parse(cursor)
        name = ExecutionName.parse(execution_id, self._options)
        if name is None or self._removed.get(execution_id):
            return None
        return Reading(self._api.list_entries, name, taken, lambda: self._hold(execution_id))

    def _hold(self, execution_id: str) -> datetime | None:
        """From when on output is left for later: nothing is, once the execution has ended."""
        if self._ended.get(execution_id) is None and not self.check_status(execution_id).has_ended:
            return self._context.clock.now()
        return None

    def _whole_output(self, execution_id: str, cursor: str, state: ExecutionState) -> Iterator[LogPage]:
        """All output, until nothing more is to be expected.

        Both the end and when a line was received are the platform's own times. A line that was received late says
        that more may be on the way.
        """
        reading = self._reading(execution_id, cursor)
        if reading is None:
            yield LogPage(cursor=cursor)
            return
        quiet = self._options.quiet_seconds
        known = self._ended.get(execution_id)
        if known is not None:
            time.sleep(max(0.0, known[1] + quiet - time.monotonic()))
        end = state.finished_at.timestamp() if state.finished_at is not None else None
        before = 0
        while True:
            yield from reading.pages(_PAGE_BYTES)
            late = end is not None and reading.newest_received / 1e9 > end + quiet / 2
            if not late or reading.newest_received == before:
                return
            before = reading.newest_received
            time.sleep(quiet)

    def _cost(self, spec: ContainerSpec, state: ExecutionState) -> Decimal | None:
        if self._rates is None or state.started_at is None or state.finished_at is None:
            return None
        seconds = (state.finished_at - state.started_at).total_seconds()
        return cost(self._rates, size_of(self._options, spec), seconds)

    def _until_visible(self, execution_id: str, call: Callable[[str], bool]) -> bool:
        """Whether the call was done; made again while an execution that was just launched cannot be seen."""
        launched_at = self._launched.get(execution_id)
        deadline = launched_at + self._options.settle_seconds if launched_at is not None else 0.0
        pause = _FIRST_PAUSE_SECONDS
        while not call(execution_id):
            if time.monotonic() >= deadline or self._api.get_execution(execution_id) is not None:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return True

    def _await_end(self, execution_id: str) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS + self._options.timeout
        pause = _FIRST_PAUSE_SECONDS
        while True:
            execution = self._api.get_execution(execution_id)
            if execution is None or has_ended(execution):
                return
            if time.monotonic() >= deadline:
                raise TransientError(f"Cloud Run has not confirmed that {execution_id} has stopped")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
