"""The methods of the platform's services: how they are called, and what a caller must be allowed to."""

from collections.abc import Callable
from typing import Any

import attrs
from google.cloud import run_v2
from google.cloud.logging_v2 import types as logging_types
from google.cloud.secretmanager_v1 import types as secret_types
from google.longrunning import operations_pb2

from local_clouds.cloudrun.cloud import Cloud
from local_clouds.cloudrun.faults import Faults
from local_clouds.cloudrun.log_entries import Query

_LARGEST_LOG_PAGE = 1000


@attrs.frozen(kw_only=True)
class Method:
    """One method.

    Attributes:
        service, name: as on the wire.
        permission: what a caller needs.
        request, response: the messages' classes.
        call: does it.
    """

    service: str
    name: str
    permission: str
    request: Any
    response: Any
    call: Callable[[Any], Any]

    @property
    def deserialize(self) -> Callable[[bytes], Any]:
        """Reads a request."""
        reader: Callable[[bytes], Any] = getattr(self.request, "deserialize", None) or self.request.FromString
        return reader

    @property
    def serialize(self) -> Callable[[Any], bytes]:
        """Writes a response."""
        writer: Callable[[Any], bytes] = getattr(self.response, "serialize", None) or self.response.SerializeToString
        return writer


def methods(cloud: Cloud, faults: Faults) -> list[Method]:
    """Every method that this server has."""
    operation = operations_pb2.Operation

    def run(service: str, name: str, verb: str, request: Any, response: Any, call: Callable[[Any], Any]) -> Method:
        return Method(
            service=f"google.cloud.run.v2.{service}",
            name=name,
            permission=f"run.{service.lower()}.{verb}",
            request=request,
            response=response,
            call=call,
        )

    return [
        run("Jobs", "CreateJob", "create", run_v2.CreateJobRequest, operation, cloud.create_job),
        run("Jobs", "GetJob", "get", run_v2.GetJobRequest, run_v2.Job, cloud.get_job),
        run("Jobs", "ListJobs", "list", run_v2.ListJobsRequest, run_v2.ListJobsResponse, cloud.list_jobs),
        run("Jobs", "DeleteJob", "delete", run_v2.DeleteJobRequest, operation, cloud.delete_job),
        run("Jobs", "RunJob", "run", run_v2.RunJobRequest, operation, cloud.run_job),
        run("Executions", "GetExecution", "get", run_v2.GetExecutionRequest, run_v2.Execution, cloud.get_execution),
        run(
            "Executions",
            "ListExecutions",
            "list",
            run_v2.ListExecutionsRequest,
            run_v2.ListExecutionsResponse,
            cloud.list_executions,
        ),
        run(
            "Executions", "CancelExecution", "cancel", run_v2.CancelExecutionRequest, operation, cloud.cancel_execution
        ),
        run(
            "Executions", "DeleteExecution", "delete", run_v2.DeleteExecutionRequest, operation, cloud.delete_execution
        ),
        run("Tasks", "ListTasks", "list", run_v2.ListTasksRequest, run_v2.ListTasksResponse, cloud.list_tasks),
        Method(
            service="google.longrunning.Operations",
            name="GetOperation",
            permission="run.operations.get",
            request=operations_pb2.GetOperationRequest,
            response=operation,
            call=cloud.get_operation,
        ),
        Method(
            service="google.logging.v2.LoggingServiceV2",
            name="ListLogEntries",
            permission="logging.logEntries.list",
            request=logging_types.ListLogEntriesRequest,
            response=logging_types.ListLogEntriesResponse,
            call=lambda request: _log_entries(cloud, faults, request),
        ),
        Method(
            service="google.cloud.secretmanager.v1.SecretManagerService",
            name="AccessSecretVersion",
            permission="secretmanager.versions.access",
            request=secret_types.AccessSecretVersionRequest,
            response=secret_types.AccessSecretVersionResponse,
            call=lambda request: secret_types.AccessSecretVersionResponse(
                name=request.name, payload={"data": cloud.secret(request.name).encode()}
            ),
        ),
    ]


def _log_entries(cloud: Cloud, faults: Faults, request: Any) -> Any:
    size = min(request.page_size or 50, _LARGEST_LOG_PAGE, faults.page_size or _LARGEST_LOG_PAGE)
    entries, token = cloud.entries.page(Query.parse(request.filter), size, request.page_token)
    return logging_types.ListLogEntriesResponse(entries=entries, next_page_token=token)
