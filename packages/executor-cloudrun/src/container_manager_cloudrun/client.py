"""The calls to Cloud Run and Cloud Logging: within the account's rates, tried again where that is safe."""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.cloud import run_v2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcTransport
from google.cloud.run_v2.services.executions.transports import ExecutionsGrpcTransport
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport
from google.cloud.run_v2.services.tasks.transports import TasksGrpcTransport

from container_manager_cloudrun.connection import channel, credentials_of
from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.translation import refusals
from container_manager_core.throttling import TokenBucket

_TRIES = 5
_PAUSE_SECONDS = 0.1
_LARGEST_PAGE = 1000
"""Asked for; the platform gives as many as it likes. Cloud Logging's own limit is 1000 entries."""
_Code = grpc.StatusCode


@attrs.frozen(kw_only=True)
class _Clients:
    jobs: run_v2.JobsClient
    executions: run_v2.ExecutionsClient
    tasks: run_v2.TasksClient
    logging: LoggingServiceV2Client
    channels: tuple[grpc.Channel, ...]


class Api:
    """The calls of one host. Safe for several threads.

    A call that changes nothing is tried again when it was throttled or not answered; one that does, only when it
    was throttled, for then it was not done. Pauses grow, and are left to chance in part.

    Args:
        options: where, as whom and how often.
    """

    def __init__(self, options: CloudRunOptions) -> None:
        self._options = options
        self._clients: _Clients | None = None
        self._connecting = threading.Lock()
        self._reads = self._bucket("reads", options.reads_per_minute)
        self._writes = self._bucket("writes", options.writes_per_minute)
        self._log_reads = self._bucket("log reads", options.log_reads_per_minute)

    def run_job(self, name: str, overrides: Any, confirm: Callable[[], float]) -> run_v2.Execution | None:
        """Start an execution; None when the definition is missing or not ready.

        Args:
            name: the definition's resource name.
            overrides: what the run has of its own.
            confirm: called right before each try; gives the seconds that the call may take.
        """
        request = run_v2.RunJobRequest(name=name, overrides=overrides)
        accepted = self._call(
            self._writes,
            lambda clients, seconds: clients.jobs.run_job(request, retry=None, timeout=seconds),
            f"run {name}",
            accept={_Code.NOT_FOUND, _Code.FAILED_PRECONDITION},
            starts_something=True,
            confirm=confirm,
        )
        return None if accepted is None else accepted.metadata

    def create_job(self, parent: str, job_id: str, job: run_v2.Job) -> None:
        """Have a definition made; one that is there already is no error."""
        request = run_v2.CreateJobRequest(parent=parent, job_id=job_id, job=job)
        self._call(
            self._writes,
            lambda clients, seconds: clients.jobs.create_job(request, retry=None, timeout=seconds),
            f"create the definition {job_id}",
            accept={_Code.ALREADY_EXISTS},
        )

    def get_job(self, name: str) -> run_v2.Job | None:
        """A definition, or None."""
        found: run_v2.Job | None = self._read(
            lambda clients, seconds: clients.jobs.get_job(name=name, retry=None, timeout=seconds), f"show {name}"
        )
        return found

    def delete_job(self, job: run_v2.Job) -> None:
        """Remove a definition as it was last seen, with its executions; one that is gone or was changed is no error."""
        request = run_v2.DeleteJobRequest(name=job.name, etag=job.etag)
        self._call(
            self._writes,
            lambda clients, seconds: clients.jobs.delete_job(request, retry=None, timeout=seconds),
            f"remove {job.name}",
            accept={_Code.NOT_FOUND, _Code.ABORTED, _Code.FAILED_PRECONDITION},
        )

    def list_jobs(self, page_size: int = _LARGEST_PAGE) -> Iterator[run_v2.Job]:
        """Every definition of the region, whoever made it."""
        request = run_v2.ListJobsRequest(parent=self._options.parent, page_size=page_size)
        for page in self._pages(lambda clients: clients.jobs.list_jobs, request, "list the region's jobs"):
            yield from page.jobs

    def check(self) -> None:
        """Ask for next to nothing."""
        next(self.list_jobs(page_size=1), None)

    def get_execution(self, name: str) -> run_v2.Execution | None:
        """An execution, or None."""
        found: run_v2.Execution | None = self._read(
            lambda clients, seconds: clients.executions.get_execution(name=name, retry=None, timeout=seconds),
            f"show {name}",
        )
        return found

    def list_executions(self, definition: str = "-") -> Iterator[run_v2.Execution]:
        """The executions of a definition, or of all; none of a definition that is missing.

        Args:
            definition: the last part of its name.
        """
        for page in self.execution_pages(definition):
            yield from page

    def execution_pages(self, definition: str = "-") -> Iterator[Sequence[run_v2.Execution]]:
        """The same, page by page: each is a call."""
        parent = f"{self._options.parent}/jobs/{definition}"
        request = run_v2.ListExecutionsRequest(parent=parent, page_size=_LARGEST_PAGE)
        for page in self._pages(lambda clients: clients.executions.list_executions, request, "list executions"):
            yield page.executions

    def cancel_execution(self, name: str) -> bool:
        """Have an execution stopped; False when it is gone or has ended."""
        accepted = self._call(
            self._writes,
            lambda clients, seconds: clients.executions.cancel_execution(name=name, retry=None, timeout=seconds),
            f"cancel {name}",
            accept={_Code.NOT_FOUND, _Code.FAILED_PRECONDITION},
        )
        return accepted is not None

    def delete_execution(self, name: str) -> bool:
        """Remove an execution; False when it is gone, or still runs and cannot be removed."""
        accepted = self._call(
            self._writes,
            lambda clients, seconds: clients.executions.delete_execution(name=name, retry=None, timeout=seconds),
            f"remove {name}",
            accept={_Code.NOT_FOUND, _Code.FAILED_PRECONDITION},
        )
        return accepted is not None

    def get_task(self, execution: str) -> run_v2.Task | None:
        """The one task of an execution, or None."""
        request = run_v2.ListTasksRequest(parent=execution, page_size=1)
        for page in self._pages(lambda clients: clients.tasks.list_tasks, request, "list tasks"):
            return next(iter(page.tasks), None)
        return None

    def list_entries(self, filter_text: str) -> Iterator[Any]:
        """Pages of log entries, the oldest first, in the library's raw messages."""
        request = {
            "resource_names": [f"projects/{self._options.project}"],
            "filter": filter_text,
            "order_by": "timestamp asc",
            "page_size": _LARGEST_PAGE,
        }
        token = ""
        while True:
            page = self._read(
                partial(_list_entries, request={**request, "page_token": token}),
                "read output",
                bucket=self._log_reads,
            )
            if page is None:
                return
            yield page.entries
            token = page.next_page_token
            if not token:
                return

    def close(self) -> None:
        """Give back the connections; a later call makes new ones."""
        with self._connecting:
            clients, self._clients = self._clients, None
        if clients is not None:
            for opened in clients.channels:
                opened.close()

    def _bucket(self, kind: str, per_minute: int) -> TokenBucket:
        options = self._options
        key = ("cloudrun", kind, options.api_endpoint, options.project, options.region, per_minute)
        return TokenBucket.shared(key, per_minute / 60, max(1, per_minute // 6))

    def _pages(self, method: Callable[[_Clients], Any], request: Any, action: str) -> Iterator[Any]:
        """Page after page of a list; each is a call of its own, within the rate."""
        while True:
            pager = self._read(lambda clients, seconds: method(clients)(request, retry=None, timeout=seconds), action)
            if pager is None:
                return
            first = next(iter(pager.pages))
            yield first
            request.page_token = first.next_page_token
            if not request.page_token:
                return

    def _read(self, call: Callable[[_Clients, float], Any], action: str, bucket: TokenBucket | None = None) -> Any:
        return self._call(bucket or self._reads, call, action, accept={_Code.NOT_FOUND}, repeatable=True)

    def _call(
        self,
        bucket: TokenBucket,
        call: Callable[[_Clients, float], Any],
        action: str,
        *,
        accept: Collection[grpc.StatusCode] = (),
        repeatable: bool = False,
        starts_something: bool = False,
        confirm: Callable[[], float] | None = None,
    ) -> Any:
        """The answer, or None where the platform refused with a status that is accepted."""
        renewed = False
        for number in range(1, _TRIES + 1):
            bucket.take()
            # The longest pause is over: what the lease allows now, the call has.
            seconds = min(self._options.timeout, confirm()) if confirm is not None else self._options.timeout
            clients = self._connect()
            try:
                return call(clients, seconds)
            except GoogleAuthError as error:
                raise refusals.no_credentials(error) from error
            except GoogleAPICallError as error:
                if refusals.code_of(error) in accept:
                    return None
                throttled = refusals.is_throttled(error)
                again = throttled or (repeatable and refusals.is_unanswered(error))
                if refusals.is_expired(error) and not renewed:
                    renewed = again = True
                    self._renew(clients)
                if not again or number == _TRIES:
                    raise refusals.refused(error, action, starts_something=starts_something) from error
            if throttled:
                bucket.drain()
            time.sleep(_PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1.0))
        raise AssertionError("the last try returns or raises")

    def _connect(self) -> _Clients:
        with self._connecting:
            if self._clients is None:
                try:
                    self._clients = self._new_clients()
                except GoogleAuthError as error:
                    raise refusals.no_credentials(error) from error
            return self._clients

    def _renew(self, used: _Clients) -> None:
        """Have the next call connect anew, with new credentials. Other threads' calls end on what they have."""
        with self._connecting:
            if self._clients is used:
                self._clients = None

    def _new_clients(self) -> _Clients:
        options = self._options
        credentials = credentials_of(options)
        run = channel(options.api_endpoint, "run.googleapis.com", credentials, options.ca_file)
        logs = channel(options.logging_endpoint, "logging.googleapis.com", credentials, options.ca_file)
        return _Clients(
            jobs=run_v2.JobsClient(transport=JobsGrpcTransport(channel=run)),
            executions=run_v2.ExecutionsClient(transport=ExecutionsGrpcTransport(channel=run)),
            tasks=run_v2.TasksClient(transport=TasksGrpcTransport(channel=run)),
            logging=LoggingServiceV2Client(transport=LoggingServiceV2GrpcTransport(channel=logs)),
            channels=(run, logs),
        )


def _list_entries(clients: _Clients, seconds: float, request: Any) -> Any:
    """One page as the message of the wire: entries are many, and wrapping each is slow."""
    pager = clients.logging.list_log_entries(request, retry=None, timeout=seconds)
    page: Any = next(iter(pager.pages))
    return type(page).pb(page)
