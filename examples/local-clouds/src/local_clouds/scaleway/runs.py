"""Job runs: each is a container on the local engine, followed from its start to its end."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import uuid4

import attrs

from local_clouds.containers import End, OnLine, Wanted
from local_clouds.scaleway.definitions import Definitions, now, seconds
from local_clouds.scaleway.expansion import expand
from local_clouds.scaleway.logs import LogStore
from local_clouds.scaleway.refusal import invalid, not_found, quota

LIVE = ("initialized", "validated", "queued", "running", "interrupting", "retrying")
_LARGEST_OVERRIDES = 256 * 1024


class Container(Protocol):
    """Something that runs what is wanted."""

    def start(self) -> None: ...

    def stop(self, grace_seconds: float) -> None: ...


class MakeContainer(Protocol):
    """Makes one; the callbacks are called from any thread."""

    def __call__(
        self, wanted: Wanted, *, on_start: Callable[[str], None], on_line: OnLine, on_end: Callable[[End], None]
    ) -> Container: ...


@attrs.define(eq=False)
class _Run:
    record: dict[str, Any]
    labels: Mapping[str, str]
    made: float = attrs.field(factory=time.monotonic)
    container: Container | None = None
    timer: threading.Timer | None = None
    stop_reason: str | None = None


class Runs:
    """The job runs of the local cloud. Safe for several threads.

    Args:
        definitions: what is run.
        logs: takes the output.
        make_container: runs it.
        most: how many may run at once.
        stop_grace_seconds: time between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        definitions: Definitions,
        logs: LogStore,
        make_container: MakeContainer,
        most: int = 400,
        stop_grace_seconds: float = 10.0,
    ) -> None:
        self.most = most
        self._definitions = definitions
        self._logs = logs
        self._make_container = make_container
        self._stop_grace_seconds = stop_grace_seconds
        self._runs: dict[str, _Run] = {}
        self._lock = threading.RLock()

    def start(self, definition_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """StartJobDefinition."""
        definition = self._definitions.get(definition_id)
        if len(str(body)) > _LARGEST_OVERRIDES:
            raise invalid("environment_variables", f"more than {_LARGEST_OVERRIDES} bytes in all")
        overrides = body.get("environment_variables") or {}
        if reserved := [name for name in overrides if name.upper().startswith("SCW_SLS")]:
            raise invalid("environment_variables", f"{reserved[0]} is reserved")
        with self._lock:
            if sum(run.record["state"] in LIVE for run in self._runs.values()) >= self.most:
                raise quota("serverless_job_runs", self.most)
            run = self._make(definition, body)
            self._runs[run.record["id"]] = run
            answer = dict(run.record)
        self._launch(run, definition)
        return {"job_runs": [answer]}

    def get(self, run_id: str, hidden: Callable[[float], bool]) -> dict[str, Any]:
        """GetJobRun."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or hidden(run.made):
                raise not_found("job_run", run_id)
            return dict(run.record)

    def all(self, hidden: Callable[[float], bool]) -> list[dict[str, Any]]:
        """Every run that can be seen."""
        with self._lock:
            return [dict(run.record) for run in self._runs.values() if not hidden(run.made)]

    def stop(self, run_id: str, hidden: Callable[[float], bool]) -> dict[str, Any]:
        """StopJobRun; returns at once."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or hidden(run.made):
                raise not_found("job_run", run_id)
            return self._begin_stop(run, "cancellation")

    def stop_all(self) -> None:
        """Kill whatever runs, and wait until it has ended."""
        with self._lock:
            live = [run for run in self._runs.values() if run.record["state"] in LIVE]
        for run in live:
            if run.timer is not None:
                run.timer.cancel()
            run.stop_reason = run.stop_reason or "cancellation"
            if run.container is not None:
                run.container.stop(0)
        until = time.monotonic() + 30
        while any(run.record["state"] in LIVE and run.container is not None for run in live):
            if time.monotonic() > until:
                return
            time.sleep(0.05)

    def _begin_stop(self, run: _Run, reason: str) -> dict[str, Any]:
        with self._lock:
            if run.record["state"] in LIVE and run.stop_reason is None:
                run.stop_reason = reason
                run.record["state"] = "interrupting"
                threading.Thread(target=self._stop, args=(run,), daemon=True).start()
            return dict(run.record)

    def _make(self, definition: Mapping[str, Any], body: Mapping[str, Any]) -> _Run:
        run_id = str(uuid4())
        record = {
            "id": run_id,
            "job_definition_id": definition["id"],
            "state": "initialized",
            "region": definition["region"],
            "created_at": now(),
            "updated_at": now(),
            "cpu_limit": definition["cpu_limit"],
            "memory_limit": definition["memory_limit"],
            "local_storage_capacity": definition["local_storage_capacity"],
            "environment_variables": {
                **definition["environment_variables"],
                **(body.get("environment_variables") or {}),
            },
            "startup_command": list(body.get("startup_command") or definition["startup_command"]),
            "args": list(body["args"] if body.get("args") is not None else definition["args"]),
            "attempts": 1,
        }
        labels = {
            "resource_type": "serverless_job",
            "resource_id": run_id,
            "job_definition_id": definition["id"],
            "job_definition_name": definition["name"],
        }
        return _Run(record, labels)

    def _launch(self, run: _Run, definition: Mapping[str, Any]) -> None:
        record = run.record
        try:
            secrets = self._definitions.secret_variables(definition["id"])
        except KeyError as error:
            self._finish(run, "failed", "secret_not_found", f"secret {error.args[0]} is not found")
            return
        variables = {
            **record["environment_variables"],
            **secrets,
            "SCW_SLS_RESOURCE_ID": record["id"],
            "SCW_SLS_PARENT_ID": definition["id"],
            "SCW_SLS_IMAGE": definition["image_uri"],
        }
        wanted = Wanted(
            name=f"scaleway-{record['id']}",
            image=definition["image_uri"],
            command=[expand(word, variables) for word in record["args"]],
            entrypoint=[expand(word, variables) for word in record["startup_command"]] or None,
            environment=variables,
            memory_mib=record["memory_limit"],
            cpus=min(record["cpu_limit"] / 1000, os.cpu_count() or 1),
            labels={"local-clouds.run": record["id"]},
        )
        with self._lock:
            record["state"] = "queued"
            run.container = self._make_container(
                wanted,
                on_start=lambda container_id: self._started(run, definition),
                on_line=lambda stream, time, line: self._logs.write(run.labels, line),
                on_end=lambda end: self._ended(run, end),
            )
        run.container.start()

    def _started(self, run: _Run, definition: Mapping[str, Any]) -> None:
        with self._lock:
            run.record["started_at"] = now()
            if run.stop_reason is None:
                run.record["state"] = "running"
            limit = seconds(definition["job_timeout"])
            run.timer = threading.Timer(limit, self._begin_stop, args=(run, "timeout"))
            run.timer.daemon = True
            run.timer.start()

    def _stop(self, run: _Run) -> None:
        if run.container is not None:
            run.container.stop(self._stop_grace_seconds)

    def _ended(self, run: _Run, end: End) -> None:
        if run.timer is not None:
            run.timer.cancel()
        if end.started_at is not None:
            run.record["started_at"] = end.started_at.isoformat()
        finished = end.finished_at.isoformat() if end.finished_at else now()
        if run.stop_reason == "timeout":
            self._finish(run, "failed", "timeout", "the job run exceeded its timeout", at=finished)
        elif run.stop_reason is not None:
            self._finish(run, "interrupted", "cancellation", "the job run was stopped", at=finished)
        elif end.image_problem:
            self._finish(run, "failed", "image_not_found", f"the image cannot be pulled: {end.problem}", at=finished)
        elif end.exit_code is None:
            self._finish(run, "failed", "application_not_started", end.problem, at=finished)
        elif end.out_of_memory:
            self._finish(run, "failed", "memory_usage_exceeded", "memory usage exceeded", end.exit_code, finished)
        elif end.exit_code:
            self._finish(run, "failed", "exited_with_error", "", end.exit_code, finished)
        else:
            self._finish(run, "succeeded", "", "", at=finished)

    def _finish(
        self, run: _Run, state: str, reason: str, message: str, exit_code: int = 0, at: str | None = None
    ) -> None:
        facts: dict[str, Any] = {"state": state, "terminated_at": at or now(), "updated_at": now()}
        if reason:
            facts["reason"] = reason
        if message:
            facts["error_message"] = message
        if exit_code:
            facts["exit_code"] = exit_code
        with self._lock:
            run.record |= facts
