"""Runs jobs on one Docker engine."""

import math
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import Any
from urllib.parse import quote

import attrs

from container_manager_core.errors import ExecutorError
from container_manager_core.executor import (
    ContainerExecutor,
    ExecutionEvent,
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
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Usage
from container_manager_core.remembering import Recent
from container_manager_core.spec import ContainerSpec
from container_manager_docker import events, logs
from container_manager_docker.client import Engine
from container_manager_docker.launching import Launcher
from container_manager_docker.listing import Listing
from container_manager_docker.options import DockerOptions
from container_manager_docker.plugin import CAPABILITIES
from container_manager_docker.translation.answers import understood
from container_manager_docker.translation.configuration import plan
from container_manager_docker.translation.refusals import masked
from container_manager_docker.translation.states import (
    NOT_FOUND,
    image_digest,
    is_container_id,
    is_ours,
    out_of_memory,
    owned_execution,
    state_of,
    was_started,
)
from container_manager_docker.usage import UsageSampler, from_statistics

_PAGE_BYTES = 1_048_576
_PIECE_BYTES = 65_536
_STATISTICS_PAUSE_SECONDS = 15.0
_HEALTH_SECONDS = 10.0


class DockerExecutor(ContainerExecutor):
    """Runs each attempt in a container of its own on one engine; the execution's id is the container's.

    An attempt costs five requests from launch to cleanup: create, start, inspect, logs and remove. Each further
    look, a pull, each network after the first, published ports, the first sight of an image and a
    failed command (was it stopped from outside?) add one.

    Args:
        options: how the engine is reached.
        context: who asks.
    """

    capabilities = CAPABILITIES

    def __init__(self, options: DockerOptions, context: ExecutorContext) -> None:
        self._options = options
        self._context = context
        self._engine = Engine(options)
        self._launcher = Launcher(self._engine, options)
        self._listing = Listing(self._engine, context.installation_id, context.clock)
        self._sampler = UsageSampler()
        self._asked_at: Recent[str, float] = Recent()
        self._digests: Recent[str, str] = Recent(256)
        self._stopped_by_us: Recent[str, bool] = Recent()
        self._stopped_by_others: Recent[str, bool] = Recent()

    def launch_job(self, job: ExecutionRequest) -> Launch:
        try:
            with understood(self._engine.address, may_have_started=True):
                launch = self._launcher.launch(job)
        except ExecutorError as error:
            raise masked(error, job.secrets.values()) from None
        self._sampler.look(launch.execution_id)
        return launch

    def find_execution(self, job: ExecutionRequest) -> str | None:
        """See the contract. A container that was created and never started is not a started attempt.

        `launch_job` replaces such a one, so that nobody waits for it.
        """
        with self._understood():
            container = self._inspect(job.name)
            if container is None or not was_started(container):
                return None
            ours = is_ours(container, job.installation_id, job.job_id, job.attempt)
            return str(container["Id"]) if ours else None

    def check_status(self, execution_id: str) -> ExecutionState:
        with self._understood():
            container = self._inspect(execution_id) if is_container_id(execution_id) else None
            if container is None:
                self._listing.forget(execution_id)
                return NOT_FOUND
            return self._state(container)

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        """See the contract. What goes on running is listed every 15 seconds, what has ended each time."""
        return self._listing.states(execution_ids)

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = _PAGE_BYTES) -> LogPage:
        with closing(self._pages(execution_id, cursor, max(limit, 1))) as pages:
            return next(pages)

    def read_pages(self, execution_id: str, cursor: str = "") -> Iterator[LogPage]:
        """See the contract. All pages come from one request, so that a long output is read once."""
        return self._pages(execution_id, cursor, _PAGE_BYTES)

    def get_usage(self, execution_id: str) -> Usage | None:
        """See the contract. A remote engine is asked at most every 15 seconds for one execution."""
        if not is_container_id(execution_id):
            return None
        if not self._sampler.look(execution_id) and not self._sampler.is_local:
            self._ask_usage(execution_id)
        return self._sampler.last(execution_id)

    def harvest_job(self, job: ExecutionRequest) -> Harvest:
        """See the contract. What was used is what was seen while it ran; the engine is not asked."""
        execution_id = job.execution_id or ""
        return Harvest(
            state=self.check_status(execution_id),
            pages=self.read_pages(execution_id, job.cursor),
            usage=self._sampler.last(execution_id),
        )

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        if not is_container_id(execution_id):
            return
        self._stopped_by_us.put(execution_id, True)
        grace = math.ceil(grace_seconds)
        self._engine.call(
            "POST",
            f"/containers/{execution_id}/stop",
            action=f"stop {execution_id}",
            params={"t": grace},
            accept=(404,),
            timeout=grace + self._options.timeout,
        )

    def cleanup(self, execution_id: str) -> None:
        if not is_container_id(execution_id):
            return
        self._listing.forget(execution_id)
        self._engine.call(
            "DELETE",
            f"/containers/{execution_id}",
            action=f"remove {execution_id}",
            params={"v": 1, "force": 1},
            accept=(404, 409),
        )

    def check_health(self) -> Health:
        began = self._context.clock.monotonic()
        try:
            version = self._version()
        except ExecutorError as error:
            return Health(
                ok=False,
                latency_seconds=self._context.clock.monotonic() - began,
                message=error.message,
                hint=error.hint or f"check the host {self._context.host!r}",
            )
        return Health(
            ok=True,
            latency_seconds=self._context.clock.monotonic() - began,
            message=f"{version} at {self._engine.address}",
        )

    def plan(self, spec: ContainerSpec) -> Plan:
        return plan(spec)

    def list_owned(self) -> Sequence[OwnedExecution]:
        with self._understood():
            return [owned_execution(container) for container in self._listing.all()]

    def events(self, stopped: threading.Event) -> Iterator[ExecutionEvent]:
        return events.watch(self._engine, self._context.installation_id, stopped, self._note_stop)

    def close(self) -> None:
        self._sampler.close()
        self._engine.close()

    def _understood(self) -> AbstractContextManager[None]:
        return understood(self._engine.address)

    def _version(self) -> str:
        with self._understood():
            version = self._engine.call(
                "GET", "/version", action="tell its version", timeout=min(self._options.timeout, _HEALTH_SECONDS)
            ).json()
            return (
                f"engine {version['Version']}, API {version['ApiVersion']}, {version.get('Os')}/{version.get('Arch')}"
            )

    def _inspect(self, name: str) -> dict[str, Any] | None:
        answer = self._engine.call(
            "GET", f"/containers/{quote(name, safe='')}/json", action=f"inspect {name}", accept=(404,)
        )
        return None if answer.status_code == 404 else answer.json()

    def _pages(self, execution_id: str, text: str, limit: int) -> Generator[LogPage, None, None]:
        cursor = logs.Cursor.parse(text)
        if not is_container_id(execution_id):
            yield LogPage(cursor=text)
            return
        params = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": 0, "tail": "all"}
        with self._engine.stream(
            "GET",
            f"/containers/{execution_id}/logs",
            action=f"read the output of {execution_id}",
            params=params | ({"since": cursor.since} if cursor.since else {}),
            accept=(404, 409),
        ) as answer:
            if answer.status_code >= 400:
                yield LogPage(cursor=text)
                return
            yield from logs.pages(iter(partial(answer.raw.read, _PIECE_BYTES), b""), cursor, limit)

    def _state(self, container: Mapping[str, Any]) -> ExecutionState:
        state = state_of(container)
        if not state.has_ended:
            return state
        metadata = {**state.metadata, "image_digest": self._digest(container["Image"])}
        return self._explained(container, attrs.evolve(state, metadata=metadata))

    def _explained(self, container: Mapping[str, Any], state: ExecutionState) -> ExecutionState:
        """The state of one that ended, with the failure that the engine's events tell of.

        An engine that starts after it was killed stops the containers that outlived it, and one that is shut down
        stops all of its own: by the exit code alone that looks like the command's own end.
        """
        execution_id = str(container["Id"])
        if not state.exit_code or state.failure or execution_id in self._stopped_by_us:
            return state
        if execution_id not in self._stopped_by_others:
            finished = state.finished_at
            ending = finished and events.remembered_ending(
                self._engine, execution_id, finished.timestamp(), state.exit_code
            )
            if not ending:
                return state
            if ending is events.Ending.OUT_OF_MEMORY:
                return attrs.evolve(state, failure=out_of_memory(container))
            self._note_stop(execution_id)
        failure = Failure(
            kind=FailureKind.LOST,
            message=f"the engine or somebody at it stopped the container (exit code {state.exit_code})",
            retryable=True,
            hint="an engine that restarts stops its containers",
        )
        return attrs.evolve(state, failure=failure)

    def _note_stop(self, execution_id: str) -> None:
        if execution_id not in self._stopped_by_us:
            self._stopped_by_others.put(execution_id, True)

    def _digest(self, image_id: str) -> str:
        known = self._digests.get(image_id)
        if known is not None:
            return known
        answer = self._engine.call(
            "GET", f"/images/{quote(image_id, safe='')}/json", action=f"inspect {image_id}", accept=(404,)
        )
        digest = image_id if answer.status_code == 404 else image_digest(answer.json())
        self._digests.put(image_id, digest)
        return digest

    def _ask_usage(self, execution_id: str) -> None:
        now = self._context.clock.monotonic()
        asked_at = self._asked_at.get(execution_id)
        if asked_at is not None and now - asked_at < _STATISTICS_PAUSE_SECONDS:
            return
        self._asked_at.put(execution_id, now)
        answer = self._engine.call(
            "GET",
            f"/containers/{execution_id}/stats",
            action=f"measure {execution_id}",
            params={"stream": "false", "one-shot": "true"},
            accept=(404, 409),
        )
        if answer.status_code < 400:
            with self._understood():
                self._sampler.add(execution_id, from_statistics(answer.json()))
