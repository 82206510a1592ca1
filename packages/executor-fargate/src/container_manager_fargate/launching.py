"""Starting one attempt, at most once, whoever else tries."""

import time
from collections.abc import Mapping
from typing import Any

from container_manager_core.errors import ExecutorError, PermanentError, TransientError
from container_manager_core.executor import ExecutionRequest, Launch
from container_manager_core.failure import FailureKind
from container_manager_fargate.client import Api, Client
from container_manager_fargate.definitions import Definitions
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.translation import refusals
from container_manager_fargate.translation.definition import Order, order_of, run_parameters
from container_manager_fargate.translation.problems import plain_secret_problems, problems
from container_manager_fargate.translation.references import by_reference
from container_manager_fargate.translation.states import metadata_of

_CAPACITY_TRIES = 3
_CAPACITY_PAUSE_SECONDS = 1.0


class Launcher:
    """Starts attempts in one cluster.

    The attempt's name is the client token, with which the platform starts a task once, and the ``startedBy``,
    by which it can be found.

    Args:
        client: who is asked.
        options: the host's.
        definitions: of this installation.
        stream_prefix: what the names of log streams begin with.
    """

    def __init__(self, client: Client, options: FargateOptions, definitions: Definitions, stream_prefix: str) -> None:
        self._client = client
        self._options = options
        self._definitions = definitions
        self._stream_prefix = stream_prefix

    def launch(self, job: ExecutionRequest) -> Launch:
        """See `ContainerExecutor.launch_job`."""
        order = self._order(job)
        answer = self._run(job, order)
        if answer.get("tasks"):
            return _launch_of(answer)
        try:
            return self._insist(job, order, answer)
        except TransientError as error:
            raise refusals.unsure(error) from error

    def find(self, job: ExecutionRequest) -> str | None:
        """The task of an attempt, whether it runs or not."""
        for desired in ("RUNNING", "STOPPED"):
            for arn in self._client.pages(
                Api.ECS,
                "list_tasks",
                "taskArns",
                cluster=self._options.cluster,
                startedBy=job.name,
                desiredStatus=desired,
            ):
                return str(arn)
        return None

    def _insist(self, job: ExecutionRequest, order: Order, answer: Mapping[str, Any]) -> Launch:
        """The launch of a task for which there was no room: it may run all the same, or find room at a further try.

        The token asks again for the same one, and the list shows it.
        """
        for number in range(1, _CAPACITY_TRIES + 1):
            found = self.find(job)
            if found is not None:
                return Launch(execution_id=found)
            if number == _CAPACITY_TRIES:
                break
            time.sleep(_CAPACITY_PAUSE_SECONDS * number)
            answer = self._run(job, order)
            if answer.get("tasks"):
                return _launch_of(answer)
        raise refusals.no_capacity(str(failure.get("reason")) for failure in answer.get("failures", ()))

    def _order(self, job: ExecutionRequest) -> Order:
        region = self._client.region
        found = list(problems(job.spec, self._options))
        if not self._options.allow_plain_secrets:
            referred = by_reference(job.spec, self._options, region)
            found += plain_secret_problems(sorted(job.secrets.keys() - referred.keys() - job.spec.secrets.keys()))
        if found:
            problem = found[0]
            raise PermanentError(f"{problem.place}: {problem.message}", FailureKind.SPEC, problem.remedy)
        return order_of(job, self._options, region, self._stream_prefix)

    def _run(self, job: ExecutionRequest, order: Order) -> Mapping[str, Any]:
        try:
            return self._ask_to_run(job, order)
        except PermanentError as error:
            if not refusals.is_inactive_definition(error):
                raise
        self._definitions.forget(order)
        return self._ask_to_run(job, order)

    def _ask_to_run(self, job: ExecutionRequest, order: Order) -> Mapping[str, Any]:
        definition = self._definitions.arn(order)
        job.confirm_lease()
        try:
            return self._client.call(
                Api.ECS, "run_task", starts_something=True, **run_parameters(job, order, definition, self._options)
            )
        except ExecutorError as error:
            # Another worker, or we with other options, have started the attempt already.
            arns = refusals.conflicting(error)
            if not arns:
                raise
            return {"tasks": [{"taskArn": arns[0]}]}


def _launch_of(answer: Mapping[str, Any]) -> Launch:
    task = answer["tasks"][0]
    return Launch(execution_id=task["taskArn"], metadata=metadata_of(task))
