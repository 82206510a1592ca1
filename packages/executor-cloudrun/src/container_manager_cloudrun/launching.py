"""Starting one attempt, at most once, on a platform that does not know attempts."""

import time
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

from google.cloud import run_v2

from container_manager_cloudrun.client import Api
from container_manager_cloudrun.definitions import Definitions
from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.translation.definition import (
    Definition,
    definition_of,
    installation_value,
    overrides_of,
    plan_of,
    request_problems,
)
from container_manager_cloudrun.translation.states import has_ended, is_owned, marker_of, metadata_of
from container_manager_core.errors import CapacityError, ExecutorError, PermanentError, TransientError
from container_manager_core.executor import ExecutionRequest, Launch
from container_manager_core.failure import FailureKind

Found = TypeVar("Found")

_RUN_TRIES = 3
_PAUSE_SECONDS = 1.0


class Launcher:
    """Starts attempts on one host.

    The platform has no token that makes a run happen once, so an attempt is marked by its variables, and looked for
    among its definition's executions before it is run and once more after: of two workers that ran it all
    the same, the one whose execution is younger takes it back.

    Args:
        api: the platform.
        definitions: what is run.
        options: the host's.
    """

    def __init__(self, api: Api, definitions: Definitions, options: CloudRunOptions) -> None:
        self._api = api
        self._definitions = definitions
        self._options = options

    def launch(self, job: ExecutionRequest) -> Launch:
        """See `ContainerExecutor.launch_job`."""
        problems = chain(plan_of(job.spec, self._options).problems, request_problems(job, self._options))
        if (first := next(problems, None)) is not None:
            raise PermanentError(f"{first.place}: {first.message}", FailureKind.SPEC, first.remedy)
        definition = definition_of(job.spec, self._options, job.installation_id)
        found = self._find_in(definition.job_id, job)
        if found is not None:
            return _launch(found)
        try:
            ours = self._run(definition, job)
        except CapacityError:
            found = _unsure(lambda: self._await(definition, job))
            if found is None:
                raise
            return _launch(found)
        return _launch(_unsure(lambda: self._settle(definition, job, ours)))

    def find(self, job: ExecutionRequest) -> run_v2.Execution | None:
        """The attempt's execution, in whatever definition; the host's options may have changed since."""
        definition = definition_of(job.spec, self._options, job.installation_id)
        return self._find_in(definition.job_id, job) or self._find_in("-", job)

    def _find_in(self, definition: str, job: ExecutionRequest) -> run_v2.Execution | None:
        """The oldest execution that has the attempt's marks, or None."""
        installation = installation_value(job.installation_id)
        marked = [
            execution
            for execution in self._api.list_executions(definition)
            if marker_of(execution) == (job.job_id, job.attempt) and is_owned(execution.labels, installation)
        ]
        return min(marked, key=_age, default=None)

    def _run(self, definition: Definition, job: ExecutionRequest) -> run_v2.Execution:
        overrides = overrides_of(job)
        for _ in range(_RUN_TRIES):
            missed_at = time.monotonic()
            execution = self._api.run_job(definition.name, overrides, job.confirm_lease)
            if execution is not None:
                return execution
            job.report(f"making the definition {definition.job_id} of {job.spec.image}")
            self._definitions.make(definition, missed_at)
        raise TransientError(f"the definition {definition.name} is ready, and yet cannot be run")

    def _settle(self, definition: Definition, job: ExecutionRequest, ours: run_v2.Execution) -> run_v2.Execution:
        """The one execution that stays: ours, unless another worker's is older."""
        try:
            first = self._find_in(definition.job_id, job)
        except ExecutorError:
            return ours
        if first is None or first.name == ours.name or _age(first) > _age(ours):
            return ours
        if not has_ended(ours):
            self._api.cancel_execution(ours.name)
        self._api.delete_execution(ours.name)
        return first

    def _await(self, definition: Definition, job: ExecutionRequest) -> run_v2.Execution | None:
        """What was started although the platform said that it had no room; None when nothing shows up."""
        deadline = time.monotonic() + self._options.settle_seconds
        while True:
            found = self._find_in(definition.job_id, job)
            if found is not None or time.monotonic() >= deadline:
                return found
            time.sleep(_PAUSE_SECONDS)


def _unsure(look: Callable[[], Found]) -> Found:
    """What a look gives after a run was asked for; one that fails must not have the attempt given up."""
    try:
        return look()
    except TransientError as error:
        raise TransientError(error.message, error.kind, error.hint, may_have_started=True) from error


def _age(execution: run_v2.Execution) -> tuple[float, str]:
    created: Any = execution.create_time
    return (created.timestamp() if created else 0.0), execution.name


def _launch(execution: run_v2.Execution) -> Launch:
    return Launch(execution_id=execution.name, metadata=metadata_of(execution))
