"""Runs jobs as Scaleway Serverless Jobs."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal

from container_manager_core.errors import ExecutorError, InvalidInput, TransientError
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
from container_manager_core.spec import ContainerSpec
from container_manager_scaleway.client import Account, Scaleway
from container_manager_scaleway.cockpit import Cockpit
from container_manager_scaleway.costs import limits_of, rates_of
from container_manager_scaleway.definitions import Definitions
from container_manager_scaleway.launching import Launcher
from container_manager_scaleway.logs import LogReader, Window
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.plugin import CAPABILITIES
from container_manager_scaleway.runs import Runs
from container_manager_scaleway.sizes import size_of
from container_manager_scaleway.translation.refusals import Missing, masked
from container_manager_scaleway.translation.requests import problems
from container_manager_scaleway.translation.states import NOT_FOUND, Run

_PAGE_BYTES = 1_048_576
_FIRST_LOOK_SECONDS = 0.2
_LONGEST_LOOK_SECONDS = 2.0


class ScalewayExecutor(ContainerExecutor):
    """Runs each attempt as a job run in one project and region; the execution's id is the run's.

    An attempt costs a list and a start, and at its end a look, two looks at the end of its log and the log itself.
    While it runs it shares one list of a hundred runs a call with all others.

    Args:
        options: the project, and how it is reached.
        context: who asks.

    Raises:
        ConfigurationError: the account's keys, the project, the region or the price list cannot be used.
    """

    capabilities = CAPABILITIES

    def __init__(self, options: ScalewayOptions, context: ExecutorContext) -> None:
        self._options = options
        self._context = context
        self._limits = limits_of(options)
        account = Account.open(options, context.host)
        self._rates = rates_of(options, account.region)
        self._scaleway = Scaleway(account, options)
        self._runs = Runs(self._scaleway, context.installation_id, context.clock)
        self._definitions = Definitions(
            self._scaleway, context.installation_id, options.definition_idle_days, context.clock
        )
        self._launcher = Launcher(self._scaleway, self._runs, self._definitions, options, context.clock)
        self._cockpit = Cockpit(self._scaleway, options)
        self._logs = LogReader(self._cockpit, options.log_overlap_seconds, options.log_quiet_seconds)

    def launch_job(self, job: ExecutionRequest) -> Launch:
        try:
            return self._launcher.launch(job)
        except ExecutorError as error:
            raise masked(error, job.secrets.values()) from None

    def find_execution(self, job: ExecutionRequest) -> str | None:
        run = self._runs.find(job)
        return None if run is None else run.id

    def check_status(self, execution_id: str) -> ExecutionState:
        run = self._runs.get(execution_id)
        return NOT_FOUND if run is None else run.state

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        runs = self._runs.get_many(execution_ids)
        return {
            execution_id: runs[execution_id].state if execution_id in runs else NOT_FOUND
            for execution_id in execution_ids
        }

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = _PAGE_BYTES) -> LogPage:
        with closing(self._pages(execution_id, cursor, limit)) as pages:
            return next(pages)

    def read_pages(self, execution_id: str, cursor: str = "") -> Iterator[LogPage]:
        """See the contract. The log is gone through once, whatever the number of pages."""
        return self._pages(execution_id, cursor, _PAGE_BYTES)

    def harvest_job(self, job: ExecutionRequest) -> Harvest:
        """See the contract. The pages begin when the log has stayed the same for the host's ``log_quiet_seconds``."""
        run = self._runs.ended(job.execution_id or "")
        if run is None:
            return Harvest(state=NOT_FOUND, pages=iter([LogPage(cursor=job.cursor)]))
        if not run.state.has_ended:
            return Harvest(state=run.state, pages=self.read_pages(run.id, job.cursor))
        return Harvest(
            state=run.state,
            pages=self._logs.settled_pages(run, job.cursor, _PAGE_BYTES),
            cost=self._cost(run),
        )

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        """See the contract. Scaleway sends SIGTERM and decides itself how long it waits before SIGKILL."""
        run = self._runs.known(execution_id)
        if run is None or run.state.has_ended:
            return
        try:
            self._scaleway.jobs(f"stop {execution_id}").stop_job_run(job_run_id=execution_id)
        except Missing as error:
            if self._is_new(run):
                raise TransientError(error.message, hint="a new run may not be seen for some seconds") from error
            return
        except ExecutorError:
            # It may have ended in this very moment.
            if not self._has_ended(execution_id):
                raise
        self._wait_for_end(execution_id, grace_seconds + self._options.timeout)

    def cleanup(self, execution_id: str) -> None:
        """See the contract. A run that has ended leaves a line in Scaleway's history, which nobody can remove."""
        self.cancel(execution_id, 0)
        self._runs.forget(execution_id)
        self._definitions.collect_if_due()

    def check_health(self) -> Health:
        began = self._context.clock.monotonic()
        account = self._scaleway.account
        try:
            self._scaleway.jobs("list job definitions").list_job_definitions(page_size=1)
            self._cockpit.check()
        except (ExecutorError, InvalidInput) as error:
            return Health(
                ok=False,
                latency_seconds=self._context.clock.monotonic() - began,
                message=getattr(error, "message", str(error)),
                hint=getattr(error, "hint", "") or f"check the host {self._context.host!r}",
            )
        return Health(
            ok=True,
            latency_seconds=self._context.clock.monotonic() - began,
            message=f"Serverless Jobs of the project {account.project_id} in {account.region}",
        )

    def plan(self, spec: ContainerSpec) -> Plan:
        options, region = self._options, self._scaleway.account.region
        found = problems(spec, self._limits, options.longest_seconds, region, options.allow_plain_secrets)
        size = size_of(spec.resources, self._limits)
        price = None if self._rates is None else self._rates.per_hour(size.cpus, size.memory_mib)
        notes = ["both output streams come as stdout"]
        if spec.labels:
            notes.append("labels are kept with the job, but Serverless Jobs cannot carry them")
        return Plan(
            problems=tuple(found),
            memory_mib=size.memory_mib,
            cpus=size.cpus,
            cost_per_hour_low=price,
            cost_per_hour_high=price,
            notes=tuple(notes),
        )

    def list_owned(self) -> Sequence[OwnedExecution]:
        """See the contract. Of those that have ended only the last hour's: nothing of them can be removed."""
        return [run.owned for run in self._runs.ours()]

    def close(self) -> None:
        self._logs.close()
        self._cockpit.close()
        self._scaleway.close()

    def _pages(self, execution_id: str, cursor: str, limit: int) -> Generator[LogPage, None, None]:
        Window.parse(cursor)
        run = self._runs.known(execution_id)
        if run is None:
            yield LogPage(cursor=cursor)
            return
        yield from self._logs.pages(run, cursor, max(limit, 1))

    def _cost(self, run: Run) -> Decimal | None:
        if self._rates is None:
            return None
        return self._rates.cost(run.size.cpus, run.size.memory_mib, run.seconds)

    def _is_new(self, run: Run) -> bool:
        age = (self._context.clock.now() - run.created_at).total_seconds()
        return age < self._options.visibility_seconds

    def _has_ended(self, execution_id: str) -> bool:
        run = self._runs.get(execution_id)
        return run is None or run.state.has_ended

    def _wait_for_end(self, execution_id: str, seconds: float) -> None:
        until, pause = time.monotonic() + seconds, _FIRST_LOOK_SECONDS
        while not self._has_ended(execution_id):
            if time.monotonic() >= until:
                raise TransientError(
                    f"Scaleway has not ended {execution_id} within {seconds:g} s", hint="it is told to stop again"
                )
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK_SECONDS)
