"""Starting one attempt, at most once, whoever else tries."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from container_manager_core.errors import ExecutorError, LeaseLost, TransientError
from container_manager_core.executor import ExecutionRequest, Launch
from container_manager_core.failure import FailureKind
from container_manager_core.spec import PullPolicy
from container_manager_docker.client import Engine, message_of
from container_manager_docker.events import remembers_creation
from container_manager_docker.options import DockerOptions
from container_manager_docker.pulling import pull
from container_manager_docker.translation import refusals
from container_manager_docker.translation.configuration import (
    LOG_CONFIGURATION,
    container_configuration,
    create_parameters,
    endpoint,
    later_networks,
)
from container_manager_docker.translation.states import (
    is_ours,
    metadata_of,
    parse_http_time,
    parse_time,
    state_of,
    waiting_seconds,
    was_started,
)

_CREATE_TRIES = 8
_PAUSE_SECONDS = 0.25
_START_SECONDS = 5.0
"""How long a created container is left to whoever made it. An engine that is told to remove a container in the
very moment in which another call starts it does both: the command would run, and run again."""
_ANY_REFUSAL = tuple(range(400, 600))


class Launcher:
    """Starts attempts on one engine.

    The container's name is the attempt's, and an engine has a name once: of two workers that launch the
    same attempt one creates, and the other finds. What it finds and was started, is the launch. What was not
    started for some seconds is removed and made anew, so that a worker that stalled before its start gets
    "no such container" from the engine when it wakes; unless the engine was restarted meanwhile and may have
    forgotten a start: then the attempt is lost.

    Args:
        engine: where.
        options: when to pull, and with what limits.
    """

    def __init__(self, engine: Engine, options: DockerOptions) -> None:
        self._engine = engine
        self._options = options
        self._log_configuration: Mapping[str, Any] | None = LOG_CONFIGURATION

    def launch(self, job: ExecutionRequest) -> Launch:
        """See `ContainerExecutor.launch_job`."""
        if self._pull_policy(job) is PullPolicy.ALWAYS:
            self._pull(job)
        created = self._create(job)
        if isinstance(created, Launch):
            return created
        try:
            self._connect(job, created)
            self._start(job, created, within_seconds=job.confirm_lease())
        except LeaseLost:
            self._discard(created)
            raise
        metadata = {"container_name": job.name, "container_id": created}
        if not job.spec.ports:
            return Launch(execution_id=created, metadata=metadata)
        return self._published(created, metadata)

    def _pull_policy(self, job: ExecutionRequest) -> PullPolicy:
        return job.spec.pull or self._options.pull

    def _pull(self, job: ExecutionRequest) -> None:
        pull(
            self._engine,
            job.spec.image,
            platform=job.spec.platform,
            timeout_seconds=self._options.pull_timeout_seconds,
            report=job.report,
        )

    def _create(self, job: ExecutionRequest) -> str | Launch:
        """The id of a container that was just made, or the launch that was made before."""
        may_pull = self._pull_policy(job) is PullPolicy.MISSING
        for _ in range(_CREATE_TRIES):
            answer = self._ask_to_create(job)
            if answer.status_code < 400:
                return str(answer.json()["Id"])
            status, message = answer.status_code, message_of(answer)
            if refusals.is_name_taken(status, message):
                found = self._take_over(job)
                if found is not None:
                    return found
            elif refusals.is_missing_image(status, message) and may_pull:
                may_pull = False
                self._pull(job)
                job.confirm_lease()
            elif self._log_configuration is not None and refusals.is_log_driver_missing(status, message):
                self._log_configuration = None
            else:
                raise self._create_refused(job, status, message)
        raise TransientError(f"the name {job.name!r} stays taken on the engine", may_have_started=True)

    def _ask_to_create(self, job: ExecutionRequest) -> requests.Response:
        return self._engine.call(
            "POST",
            "/containers/create",
            action=f"create {job.name}",
            params=create_parameters(job),
            body=container_configuration(job, self._log_configuration),
            accept=_ANY_REFUSAL,
            starts_something=True,
        )

    def _create_refused(self, job: ExecutionRequest, status: int, message: str) -> ExecutorError:
        if refusals.is_missing_image(status, message):
            return refusals.missing_image(job.spec.image, f"pull is {self._pull_policy(job).value!r}: {message}")
        return refusals.refused(status, message, f"create {job.name}", may_have_started=True)

    def _take_over(self, job: ExecutionRequest) -> Launch | None:
        """The launch that has our name already; None when the name is, or soon will be, free."""
        began = time.monotonic()
        while True:
            answer = self._inspect_taken(job)
            if answer.status_code == 404:
                return None
            container = answer.json()
            if not is_ours(container, job.installation_id, job.job_id, job.attempt):
                raise refusals.foreign_container(job.name)
            if was_started(container):
                return Launch(
                    execution_id=container["Id"],
                    metadata=metadata_of(container),
                    started_at=state_of(container).started_at,
                )
            now = parse_http_time(answer.headers.get("Date"))
            if max(waiting_seconds(container, now), time.monotonic() - began) >= _START_SECONDS:
                break
            time.sleep(_PAUSE_SECONDS)
        if not self._knows_that_it_never_started(container, now):
            raise TransientError(
                f"the engine was restarted after it made {job.name}: it cannot tell whether it started that too",
                FailureKind.LOST,
                "the job goes on with another attempt; reap removes what is left of this one",
            )
        job.confirm_lease()
        if not self._discard(container["Id"]):
            time.sleep(_PAUSE_SECONDS)  # it was started just now, or is being removed
        return None

    def _inspect_taken(self, job: ExecutionRequest) -> requests.Response:
        with _not_given_up():
            return self._engine.call(
                "GET", f"/containers/{quote(job.name)}/json", action=f"inspect {job.name}", accept=(404,)
            )

    def _knows_that_it_never_started(self, container: Mapping[str, Any], now: datetime | None) -> bool:
        if container["State"].get("Error"):  # the start was refused
            return True
        created_at = parse_time(container.get("Created"))
        if created_at is None or now is None:
            return False
        with _not_given_up():
            return remembers_creation(self._engine, container["Id"], created_at.timestamp(), now.timestamp())

    def _connect(self, job: ExecutionRequest, container_id: str) -> None:
        for network in later_networks(job.spec):
            answer = self._engine.call(
                "POST",
                f"/networks/{quote(network, safe='')}/connect",
                action=f"connect {job.name} to {network}",
                body={"Container": container_id, "EndpointConfig": endpoint(job.spec, network)},
                accept=_ANY_REFUSAL,
            )
            if answer.status_code >= 400:
                self._discard(container_id)
                raise refusals.refused(answer.status_code, message_of(answer), f"connect {job.name} to {network!r}")

    def _start(self, job: ExecutionRequest, container_id: str, within_seconds: float) -> None:
        answer = self._engine.call(
            "POST",
            f"/containers/{container_id}/start",
            action=f"start {job.name}",
            timeout=min(self._options.timeout, within_seconds),
            accept=_ANY_REFUSAL,
            starts_something=True,
        )
        if answer.status_code < 400:
            return
        message = message_of(answer)
        if answer.status_code == 404 and container_id in message:
            raise TransientError(
                f"the container {job.name} was removed before it started: another worker has taken the attempt over",
                may_have_started=True,
            )
        refusal = refusals.start_refused(message, job.name, answer.status_code)
        if not refusal.may_have_started:
            self._discard(container_id)
        raise refusal

    def _discard(self, container_id: str) -> bool:
        """Remove a container that never ran, as far as that can be done; one that runs is never removed."""
        try:
            answer = self._engine.call(
                "DELETE",
                f"/containers/{container_id}",
                action=f"remove {container_id}",
                params={"v": 1},
                accept=_ANY_REFUSAL,
            )
        except ExecutorError:
            return False
        return answer.status_code < 400

    def _published(self, container_id: str, metadata: Mapping[str, Any]) -> Launch:
        """The launch with its host ports; without them when the engine does not answer now."""
        try:
            container = self._engine.call(
                "GET", f"/containers/{container_id}/json", action=f"inspect {container_id}"
            ).json()
        except ExecutorError:
            return Launch(execution_id=container_id, metadata=metadata)
        return Launch(
            execution_id=container_id, metadata=metadata_of(container), started_at=state_of(container).started_at
        )


@contextmanager
def _not_given_up() -> Iterator[None]:
    """Whoever has our name may be an earlier try of ours that runs: no lost answer may end the attempt."""
    try:
        yield
    except TransientError as error:
        raise TransientError(error.message, error.kind, error.hint, may_have_started=True) from error
