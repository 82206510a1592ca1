"""The platform's state and what its methods do with it."""

import re
import secrets as chance
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import docker
import grpc
from docker.errors import DockerException, ImageNotFound
from google.cloud import run_v2
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

from local_clouds.cloudrun import limits
from local_clouds.cloudrun.faults import Faults
from local_clouds.cloudrun.log_entries import LogEntries
from local_clouds.cloudrun.refusal import Refusal, invalid, not_found
from local_clouds.cloudrun.runs import Run

_TOKEN = "bcdfghjklmnpqrstvwxz2456789"
_LARGEST_PAGE = 100
_DONE = run_v2.Condition.State


class Cloud:
    """One project and region.

    Args:
        engine: the local Docker engine.
        project, region: the only ones there are.
        faults: what goes wrong.
        secrets: values by ``projects/<project>/secrets/<name>``, the versions in order.
        grace_seconds: between SIGTERM and SIGKILL of a task that is stopped.
        starts: whether containers are started; otherwise executions wait for ever, to count calls by.

    Attributes:
        entries: what the containers wrote.
        history: every execution that was ever accepted, with its variables, for tests to count by.
        most_running: most executions at once.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        project: str,
        region: str,
        faults: Faults,
        secrets: Mapping[str, Sequence[str]],
        grace_seconds: float,
        starts: bool = True,
    ) -> None:
        self.entries = LogEntries(faults.late)
        self.history: dict[str, dict[str, str]] = {}
        self.server = uuid4().hex
        self.most_running = limits.MOST_RUNNING_EXECUTIONS
        self._engine = engine
        self._project = project
        self._parent = f"projects/{project}/locations/{region}"
        self._faults = faults
        self._secrets = secrets
        self._grace_seconds = grace_seconds
        self._starts = starts
        self._jobs: dict[str, run_v2.Job] = {}
        self._runs: dict[str, Run] = {}
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._lock = threading.RLock()

    def create_job(self, request: run_v2.CreateJobRequest) -> operations_pb2.Operation:
        """CreateJob."""
        self.require_place(request.parent)
        name = f"{request.parent}/jobs/{request.job_id}"
        with self._lock:
            limits.check_job(request.job_id, request.job, len(self._jobs))
            if name in self._jobs:
                raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"Resource '{request.job_id}' already exists.")
            now = datetime.now(UTC)
            job = _with_defaults(request.job)
            job.name, job.uid, job.etag = name, str(uuid4()), uuid4().hex
            job.create_time = job.update_time = now
            job.generation, job.reconciling = 1, True
            self._jobs[name] = job
            operation = self._operation(job)
        threading.Thread(target=self._settle, args=(job, operation), daemon=True).start()
        return _copy(operation)

    def get_job(self, request: run_v2.GetJobRequest) -> run_v2.Job:
        """GetJob."""
        self.require_place(request.name)
        with self._lock:
            return run_v2.Job(self._job(request.name))

    def list_jobs(self, request: run_v2.ListJobsRequest) -> run_v2.ListJobsResponse:
        """ListJobs."""
        self.require_place(request.parent)
        with self._lock:
            jobs = [run_v2.Job(job) for job in self._jobs.values()]
        shown, token = self._page(jobs, request)
        return run_v2.ListJobsResponse(jobs=shown, next_page_token=token)

    def delete_job(self, request: run_v2.DeleteJobRequest) -> operations_pb2.Operation:
        """DeleteJob; its executions go with it."""
        self.require_place(request.name)
        with self._lock:
            job = self._job(request.name)
            if request.etag and request.etag != job.etag:
                raise Refusal(grpc.StatusCode.ABORTED, f"Conflict for resource '{request.name}': the etag is old.")
            del self._jobs[request.name]
            runs = [run for run in self._runs.values() if run.execution.name.startswith(f"{request.name}/")]
        for run in runs:
            self._delete(run)
        return self._operation(job, done=True)

    def run_job(self, request: run_v2.RunJobRequest) -> operations_pb2.Operation:
        """RunJob."""
        self.require_place(request.name)
        with self._lock:
            job = self._job(request.name)
            if job.reconciling or job.terminal_condition.state is not _DONE.CONDITION_SUCCEEDED:
                why = job.terminal_condition.message or "it is being created"
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"Job '{request.name}' is not ready: {why}")
            if sum(not run.execution.completion_time for run in self._runs.values()) >= self.most_running:
                raise Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"Quota exceeded for running executions in the region: the limit is {self.most_running}.",
                )
            run = self._accept(job, request.overrides)
            job.execution_count += 1
            job.latest_created_execution = run_v2.ExecutionReference(
                name=run.execution.name, create_time=run.execution.create_time
            )
        if self._starts:
            run.start(self._engine, self.server)
        return self._operation(run.snapshot())

    def get_execution(self, request: run_v2.GetExecutionRequest) -> run_v2.Execution:
        """GetExecution."""
        return self._run(request.name).snapshot()

    def list_executions(self, request: run_v2.ListExecutionsRequest) -> run_v2.ListExecutionsResponse:
        """ListExecutions; the newest first."""
        self.require_place(request.parent)
        if not request.parent.endswith("/jobs/-"):
            with self._lock:
                self._job(request.parent)
        with self._lock:
            runs = [
                run
                for run in reversed(self._runs.values())
                if run.is_visible
                and (request.parent.endswith("/jobs/-") or run.execution.name.startswith(f"{request.parent}/"))
            ]
        shown, token = self._page(runs, request)
        executions = [run.snapshot() for run in shown]
        return run_v2.ListExecutionsResponse(executions=executions, next_page_token=token)

    def cancel_execution(self, request: run_v2.CancelExecutionRequest) -> operations_pb2.Operation:
        """CancelExecution; done when the container has stopped."""
        run = self._run(request.name)
        if run.execution.completion_time:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"Execution '{request.name}' has completed and cannot be cancelled.",
            )
        run.cancel()
        return self._operation(run.snapshot())

    def delete_execution(self, request: run_v2.DeleteExecutionRequest) -> operations_pb2.Operation:
        """DeleteExecution; a running one is stopped."""
        run = self._run(request.name)
        self._delete(run)
        return self._operation(run.snapshot(), done=True)

    def list_tasks(self, request: run_v2.ListTasksRequest) -> run_v2.ListTasksResponse:
        """ListTasks."""
        return run_v2.ListTasksResponse(tasks=[self._run(request.parent).task()])

    def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        """GetOperation."""
        with self._lock:
            operation = self._operations.get(request.name)
            if operation is None:
                raise not_found(request.name)
            return _copy(operation)

    def secret(self, name: str) -> str:
        """The value of ``projects/<p>/secrets/<s>/versions/<v>``."""
        resource, _, version = name.partition("/versions/")
        values = self._secrets.get(resource)
        if not values:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"Secret [{resource}] not found or has no versions.")
        if version in ("latest", ""):
            return values[-1]
        if not version.isdigit() or not 1 <= int(version) <= len(values):
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"Secret Version [{name}] not found.")
        return values[int(version) - 1]

    def require_place(self, name: str) -> None:
        """Refuse another project or region, in the platform's words."""
        match = re.match(r"projects/([^/]+)/locations/([^/]+)(/|$)", name)
        if match is None:
            raise invalid(f"name: '{name}' is no resource name")
        if match[1] != self._project:
            raise Refusal(grpc.StatusCode.PERMISSION_DENIED, f"Permission denied on resource project {match[1]}.")
        if not f"{name}/".startswith(f"{self._parent}/"):
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED, f"Permission denied on 'locations/{match[2]}' (or it may not exist)."
            )

    def executions(self) -> list[run_v2.Execution]:
        """Every execution that was not removed, seen or not yet."""
        with self._lock:
            return [run.snapshot() for run in self._runs.values() if not run.deleted]

    def ended(self, name: str) -> bool:
        """Whether an execution is over."""
        return bool(self._run(name).execution.completion_time)

    def job_names(self) -> set[str]:
        """The resource names of every job."""
        with self._lock:
            return set(self._jobs)

    def backdate(self, days: float) -> None:
        """Let every job have been made, and last run, so many days earlier."""
        with self._lock:
            for job in self._jobs.values():
                moment = datetime.now(UTC) - timedelta(days=days)
                job.create_time = job.update_time = moment
                job.latest_created_execution = run_v2.ExecutionReference(create_time=moment)

    def imitate(self, name: str, count: int) -> list[str]:
        """More running executions like one that runs, without containers; their names."""
        model = self._run(name)
        with self._lock:
            names = [f"{name}-{number:05d}" for number in range(count)]
            for imitated in names:
                execution = model.snapshot()
                execution.name = imitated
                run = Run(execution, {}, 0.0, lambda stream, line: None, lambda: 0.0)
                self._runs[imitated] = run
        return names

    def forget(self, names: Sequence[str]) -> None:
        """Drop imitated executions."""
        with self._lock:
            for name in names:
                del self._runs[name]

    def close(self) -> None:
        """Stop every container and wait until they are gone."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.kill()
        for run in runs:
            run.join(30)

    def _job(self, name: str) -> run_v2.Job:
        job = self._jobs.get(name)
        if job is None:
            raise not_found(name)
        return job

    def _run(self, name: str) -> Run:
        self.require_place(name)
        with self._lock:
            run = self._runs.get(name)
        if run is None or not run.is_visible:
            raise not_found(name)
        return run

    def _delete(self, run: Run) -> None:
        run.deleted = True
        run.kill()

    def _page(self, items: Sequence[Any], request: Any) -> tuple[Sequence[Any], str]:
        size = min(request.page_size or _LARGEST_PAGE, self._faults.page_size or _LARGEST_PAGE)
        start = int(request.page_token or 0)
        following = str(start + size) if start + size < len(items) else ""
        return items[start : start + size], following

    def _accept(self, job: run_v2.Job, overrides: run_v2.RunJobRequest.Overrides) -> Run:
        """A new execution of a job."""
        template = run_v2.TaskTemplate(job.template.template)
        if overrides.timeout:
            limits.check_timeout(overrides.timeout.total_seconds())
            template.timeout = overrides.timeout
        for override in overrides.container_overrides:
            _override(template.containers[0], override)
        limits.check_variables(template.containers[0])
        now = datetime.now(UTC)
        token = "".join(chance.choice(_TOKEN) for _ in range(5))
        short = f"{job.name.rpartition('/')[2]}-{token}"
        execution = run_v2.Execution(
            name=f"{job.name}/executions/{short}",
            uid=str(uuid4()),
            generation=1,
            labels={**job.template.labels},
            create_time=now,
            update_time=now,
            job=job.name.rpartition("/")[2],
            task_count=1,
            parallelism=1,
            template=template,
            reconciling=True,
        )
        variables = {variable.name: variable.value for variable in template.containers[0].env}
        self.history[short] = variables
        job_name = job.name.rpartition("/")[2]
        run = Run(
            execution,
            self._values(template.containers[0]),
            self._faults.visible_at(),
            lambda stream, line: self.entries.write(self._project, job_name, short, stream, line),
            lambda: self._grace_seconds,
        )
        self._runs[execution.name] = run
        return run

    def _values(self, container: run_v2.Container) -> dict[str, str]:
        """The variables that refer to the secret store."""
        found = {}
        for variable in container.env:
            selector = variable.value_source.secret_key_ref
            if selector.secret:
                found[variable.name] = self.secret(self._secret_name(selector))
        return found

    def _secret_name(self, selector: run_v2.SecretKeySelector) -> str:
        name = selector.secret if "/" in selector.secret else f"projects/{self._project}/secrets/{selector.secret}"
        return f"{name}/versions/{selector.version or 'latest'}"

    def _settle(self, job: run_v2.Job, operation: operations_pb2.Operation) -> None:
        """Check what the platform checks of a new job in the background, and end the operation."""
        problem, reason = self._problem(job.template.template.containers[0])
        condition = run_v2.Condition(type_="Ready", last_transition_time=datetime.now(UTC), message=problem)
        condition.state = _DONE.CONDITION_FAILED if problem else _DONE.CONDITION_SUCCEEDED
        if problem:
            condition.reason = reason
        with self._lock:
            job.terminal_condition, job.reconciling = condition, False
            if problem:
                code = code_pb2.NOT_FOUND if reason is _CONTAINER_MISSING else code_pb2.PERMISSION_DENIED
                operation.error.CopyFrom(status_pb2.Status(code=code, message=problem))
            else:
                operation.response.Pack(run_v2.Job.pb(job))
            operation.done = True

    def _problem(self, container: run_v2.Container) -> tuple[str, run_v2.Condition.CommonReason]:
        try:
            self._image(container.image)
        except (ImageNotFound, DockerException) as error:
            words = getattr(error, "explanation", None) or error
            return f"Image '{container.image}' not found. {words}", _CONTAINER_MISSING
        try:
            self._values(container)
        except Refusal as refusal:
            return f"{refusal.message}", run_v2.Condition.CommonReason.SECRETS_ACCESS_CHECK_FAILED
        return "", run_v2.Condition.CommonReason.COMMON_REASON_UNDEFINED

    def _image(self, image: str) -> None:
        try:
            self._engine.images.get(image)
        except ImageNotFound:
            self._engine.images.pull(image)

    def _operation(self, resource: Any, done: bool = False) -> operations_pb2.Operation:
        metadata = any_pb2.Any()
        metadata.Pack(type(resource).pb(resource))
        operation = operations_pb2.Operation(name=f"{self._parent}/operations/{uuid4()}", metadata=metadata, done=done)
        if done:
            operation.response.CopyFrom(metadata)
        with self._lock:
            self._operations[operation.name] = operation
        return operation


_CONTAINER_MISSING = run_v2.Condition.CommonReason.CONTAINER_MISSING


def _with_defaults(given: run_v2.Job) -> run_v2.Job:
    job = run_v2.Job(given)
    task = job.template.template
    if not task.timeout:
        task.timeout = timedelta(seconds=600)
    if "max_retries" not in task:
        task.max_retries = 3
    job.template.template = task
    return job


def _copy(operation: operations_pb2.Operation) -> operations_pb2.Operation:
    copy = operations_pb2.Operation()
    copy.CopyFrom(operation)
    return copy


def _override(container: run_v2.Container, override: run_v2.RunJobRequest.Overrides.ContainerOverride) -> None:
    if override.clear_args:
        container.args = []
    if override.args:
        container.args = override.args
    given = {variable.name for variable in override.env}
    container.env = [variable for variable in container.env if variable.name not in given] + list(override.env)
