"""Starting one attempt, at most once, on a platform that starts whatever it is told to."""

import time
from collections.abc import Callable

from container_manager_core.clock import Clock
from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.executor import ExecutionRequest, ExecutionState, ExecutionStatus, Launch, Problem
from container_manager_core.failure import FailureKind
from container_manager_scaleway.client import Scaleway
from container_manager_scaleway.costs import limits_of
from container_manager_scaleway.definitions import Definitions
from container_manager_scaleway.exclusive import Exclusive
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.runs import Runs
from container_manager_scaleway.sizes import Size
from container_manager_scaleway.translation.refusals import Missing
from container_manager_scaleway.translation.requests import (
    Definition,
    definition_of,
    problems,
    secret_problems,
    start_of,
)
from container_manager_scaleway.translation.states import Run, metadata_of

_LOOK_SECONDS = 1.0


class Launcher:
    """Starts attempts in one project.

    Scaleway has no idempotent start. A run carries its attempt's marks as variables, and whoever starts one looks
    first whether there is one already. Two threads of this process take turns; of two workers only the one with the
    lease comes as far as the start.

    Args:
        scaleway: where.
        runs, definitions: what is there.
        options: what is allowed.
        clock: where the time comes from.
    """

    def __init__(
        self, scaleway: Scaleway, runs: Runs, definitions: Definitions, options: ScalewayOptions, clock: Clock
    ) -> None:
        self._scaleway = scaleway
        self._runs = runs
        self._definitions = definitions
        self._options = options
        self._clock = clock
        self._limits = limits_of(options)

    def problems(self, job: ExecutionRequest) -> list[Problem]:
        """What stands in the way of an attempt."""
        spec, plain = job.spec, self._options.allow_plain_secrets
        region = self._scaleway.account.region
        found = list(problems(spec, self._limits, self._options.longest_seconds, region, plain))
        return found or list(secret_problems(spec, job.secrets, plain))

    def launch(self, job: ExecutionRequest) -> Launch:
        """See `ContainerExecutor.launch_job`."""
        found = self.problems(job)
        if found:
            raise PermanentError(f"{found[0].place}: {found[0].message}", FailureKind.SPEC, found[0].remedy)
        wanted = definition_of(job.spec, self._limits, self._options.local_storage_mib, self._options.longest_seconds)
        account = self._scaleway.account
        with Exclusive.shared().hold((account.client.api_url, account.project_id, job.name)):
            run = self._look(self._runs.find_recent, job)
            if run is None:
                run = self._start(job, wanted)
        return _launch_of(run, account.region)

    def _look(self, find: Callable[[ExecutionRequest], Run | None], job: ExecutionRequest) -> Run | None:
        try:
            return find(job)
        except TransientError as error:
            # An earlier try of this attempt may run: it must not be given up.
            raise TransientError(error.message, error.kind, error.hint, may_have_started=True) from error

    def _start(self, job: ExecutionRequest, wanted: Definition) -> Run:
        try:
            return self._ask_to_start(job, self._definitions.ensure(wanted))
        except Missing:
            self._definitions.forget(wanted)
            return self._ask_to_start(job, self._definitions.ensure(wanted))

    def _ask_to_start(self, job: ExecutionRequest, definition_id: str) -> Run:
        jobs = self._scaleway.jobs(f"start {job.name}", starts_something=True, confirm=job.confirm_lease)
        try:
            answer = jobs.start_job_definition(job_definition_id=definition_id, **start_of(job))
        except CapacityError as error:
            if not error.may_have_started:
                raise
            return self._started_all_the_same(job, error)
        if not answer.job_runs:
            raise TransientError(f"Scaleway started {job.name} and told no run's id", may_have_started=True)
        run = Run(
            id=answer.job_runs[0].id,
            definition_id=definition_id,
            installation_id=job.installation_id,
            job_id=job.job_id,
            attempt=job.attempt,
            created_at=answer.job_runs[0].created_at or self._clock.now(),
            size=Size(answer.job_runs[0].memory_limit, answer.job_runs[0].cpu_limit),
            state=ExecutionState(status=ExecutionStatus.RUNNING),
        )
        self._runs.note(run)
        return run

    def _started_all_the_same(self, job: ExecutionRequest, error: ExecutorError) -> Run:
        """The run that was started although Scaleway said that there is no room; raises when none shows up."""
        until = time.monotonic() + self._options.visibility_seconds
        while time.monotonic() < until:
            run = self._look(self._runs.find_recent, job)
            if run is not None:
                return run
            time.sleep(min(_LOOK_SECONDS, self._options.visibility_seconds))
        # By now many others may have been started after it.
        run = self._look(self._runs.find, job)
        if run is None:
            raise CapacityError(error.message, error.kind, error.hint) from error
        return run


def _launch_of(run: Run, region: str) -> Launch:
    return Launch(
        execution_id=run.id,
        metadata=metadata_of(run.id, run.definition_id, region),
        started_at=run.state.started_at,
    )
