"""Runs jobs as tasks on AWS Fargate."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from container_manager_core.errors import ExecutorError, TransientError
from container_manager_core.executor import (
    ContainerExecutor,
    ExecutionRequest,
    ExecutionState,
    ExecutionStatus,
    ExecutorContext,
    Harvest,
    Health,
    Launch,
    LogPage,
    Logs,
    OwnedExecution,
    Plan,
)
from container_manager_core.remembering import Recent
from container_manager_core.spec import ContainerSpec
from container_manager_fargate.client import Api, Client
from container_manager_fargate.definitions import Definitions
from container_manager_fargate.launching import Launcher
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.plugin import CAPABILITIES
from container_manager_fargate.prices import price_list, rates_of
from container_manager_fargate.sizes import fit
from container_manager_fargate.streams import Streams
from container_manager_fargate.translation import refusals
from container_manager_fargate.translation.problems import notes, problems
from container_manager_fargate.translation.states import (
    NOT_FOUND,
    STOP_REASON,
    billed_seconds,
    forgotten_execution,
    is_owned,
    owned_execution,
    state_of,
    task_id,
)

_PAGE_BYTES = 1_048_576
_DESCRIBED_AT_ONCE = 100
"""Most tasks of one DescribeTasks; its API reference, November 2026."""
_CONFIRM_SECONDS = 300.0
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.2, 3.0


@attrs.frozen
class _Ended:
    """What is known for ever of a task that has stopped."""

    state: ExecutionState
    stopped_ms: float
    seen_at: float
    size: tuple[float, int, float]


class FargateExecutor(ContainerExecutor):
    """Runs each attempt as a task of its own; the execution's id is the task's ARN.

    The platform forgets a stopped task by itself after an hour: what an attempt leaves behind is its log stream,
    and `cleanup` removes that. This executor then no longer knows the task; another worker's still
    sees how it ended, without output, until the platform forgets it.

    Args:
        options: the host's.
        context: who asks.
    """

    capabilities = CAPABILITIES

    def __init__(self, options: FargateOptions, context: ExecutorContext) -> None:
        price_list(options.prices)
        self._options = options
        self._context = context
        self._client = Client(options)
        self._streams = Streams(self._client, options, context.installation_id)
        definitions = Definitions(self._client, options, context.installation_id, context.clock)
        self._launcher = Launcher(self._client, options, definitions, self._streams.prefix)
        self._ended: Recent[str, _Ended] = Recent()
        self._cleaned: Recent[str, bool] = Recent()
        self._read_at: Recent[str, float] = Recent()

    def launch_job(self, job: ExecutionRequest) -> Launch:
        try:
            return self._launcher.launch(job)
        except ExecutorError as error:
            raise refusals.masked(error, job.secrets.values()) from None

    def find_execution(self, job: ExecutionRequest) -> str | None:
        found = self._launcher.find(job)
        return None if found is None or found in self._cleaned else found

    def check_status(self, execution_id: str) -> ExecutionState:
        return self.check_statuses([execution_id])[execution_id]

    def check_statuses(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        asked = [each for each in dict.fromkeys(execution_ids) if self._is_ours(each)]
        found = {task["taskArn"]: self._note(task) for task in self._described(asked)}
        return {execution_id: found.get(execution_id, NOT_FOUND) for execution_id in execution_ids}

    def read_logs(self, execution_id: str, cursor: str = "", *, limit: int = _PAGE_BYTES) -> LogPage:
        return next(iter(self._look(execution_id, cursor, limit)))

    def read_pages(self, execution_id: str, cursor: str = "") -> Iterator[LogPage]:
        """See the contract. While a task runs, nothing new is told again before ``log_interval_seconds`` are over."""
        if self._was_read_just_now(execution_id):
            return iter([LogPage(cursor=cursor)])
        return iter(self._look(execution_id, cursor, _PAGE_BYTES))

    def get_logs(self, execution_id: str) -> Logs:
        return Logs(stdout=b"".join(page.stdout for page in self._look(execution_id, "", _PAGE_BYTES)))

    def harvest_job(self, job: ExecutionRequest) -> Harvest:
        execution_id = job.execution_id or ""
        if execution_id not in self._ended or execution_id in self._cleaned:
            state = self.check_status(execution_id)
            if not state.has_ended:
                return Harvest(state=state, pages=self.read_pages(execution_id, job.cursor))
        ended = self._ended.get(execution_id)
        assert ended is not None  # the look above noted it
        return Harvest(
            state=ended.state, pages=self._drained(execution_id, job.cursor, ended), cost=self._cost(job.spec, ended)
        )

    def cancel(self, execution_id: str, grace_seconds: float) -> None:
        """See the contract. The platform keeps to the spec's grace period, of 2 seconds at least, not to this one."""
        if self._is_ours(execution_id) and execution_id not in self._ended:
            self._stop(execution_id)

    def cleanup(self, execution_id: str) -> None:
        found = task_id(execution_id)
        if found is None:
            return
        if execution_id not in self._ended and self.check_status(execution_id).status is ExecutionStatus.RUNNING:
            self._stop(execution_id)
        self._streams.remove(found)
        self._cleaned.put(execution_id, True)

    def check_health(self) -> Health:
        began = self._context.clock.monotonic()
        try:
            message = self._cluster()
        except ExecutorError as error:
            return Health(
                ok=False,
                latency_seconds=self._context.clock.monotonic() - began,
                message=error.message,
                hint=error.hint or f"check the host {self._context.host!r}",
            )
        return Health(ok=True, latency_seconds=self._context.clock.monotonic() - began, message=message)

    def plan(self, spec: ContainerSpec) -> Plan:
        size = fit(spec.resources)
        found = tuple(problems(spec, self._options))
        if size is None:
            return Plan(problems=found)
        rates = rates_of(self._options, self._options.region, spec.platform)
        price = rates.per_hour(size.cpus, size.memory_mib) if rates else None
        return Plan(
            problems=found,
            memory_mib=size.memory_mib,
            cpus=size.cpus,
            cost_per_hour_low=price,
            cost_per_hour_high=price,
            notes=tuple(notes(spec, self._options)),
        )

    def list_owned(self) -> Sequence[OwnedExecution]:
        """See the contract. Looked through are the cluster's running tasks, and our log streams."""
        streams = dict(self._streams.created())
        running = self._client.pages(
            Api.ECS, "list_tasks", "taskArns", cluster=self._options.cluster, desiredStatus="RUNNING"
        )
        by_id = dict.fromkeys(arn.rpartition("/")[2] for arn in running) | dict.fromkeys(streams)
        found = [
            task
            for task in self._described(list(by_id), include=["TAGS"])
            if is_owned(task, self._context.installation_id)
        ]
        known = {task["taskArn"].rpartition("/")[2] for task in found}
        forgotten = [forgotten_execution(self._arn(each), made) for each, made in streams.items() if each not in known]
        return [owned_execution(task) for task in found] + forgotten

    def close(self) -> None:
        self._client.close()

    def _is_ours(self, execution_id: str) -> bool:
        return task_id(execution_id) is not None and execution_id not in self._cleaned

    def _arn(self, identity: str) -> str:
        options = self._options
        place = f"arn:{options.partition}:ecs:{self._client.region}:{options.account_id}"
        return f"{place}:task/{options.cluster}/{identity}"

    def _described(self, tasks: Sequence[str], **words: Any) -> Iterable[Mapping[str, Any]]:
        for start in range(0, len(tasks), _DESCRIBED_AT_ONCE):
            batch = tasks[start : start + _DESCRIBED_AT_ONCE]
            answer = self._client.call(Api.ECS, "describe_tasks", cluster=self._options.cluster, tasks=batch, **words)
            yield from answer.get("tasks", ())

    def _note(self, task: Mapping[str, Any]) -> ExecutionState:
        state = state_of(task)
        if state.has_ended:
            stopped = task.get("stoppedAt") or state.finished_at
            ended = _Ended(
                state,
                stopped.timestamp() * 1000 if stopped else 0,
                self._context.clock.monotonic(),
                (int(task.get("cpu", 0)) / 1024, int(task.get("memory", 0)), billed_seconds(task)),
            )
            self._ended.setdefault(task["taskArn"], ended)
        return state

    def _look(self, execution_id: str, cursor: str, limit: int) -> Iterable[LogPage]:
        found = task_id(execution_id)
        if found is None or execution_id in self._cleaned:
            return [LogPage(cursor=cursor)]
        return self._streams.read(found, cursor, limit)

    def _was_read_just_now(self, execution_id: str) -> bool:
        if execution_id in self._ended:
            return False
        now = self._context.clock.monotonic()
        read_at = self._read_at.get(execution_id)
        if read_at is not None and now - read_at < self._options.log_interval_seconds:
            return True
        self._read_at.put(execution_id, now)
        return False

    def _drained(self, execution_id: str, cursor: str, ended: _Ended) -> Iterator[LogPage]:
        """The output until nothing more comes. What arrived before the end was seen in time is not waited for."""
        if ended.state.exit_code is None:
            yield from self._look(execution_id, cursor, _PAGE_BYTES)
            return
        settle = self._options.log_settle_seconds
        time.sleep(max(0.0, ended.seen_at + settle - self._context.clock.monotonic()))
        while True:
            look = self._look(execution_id, cursor, _PAGE_BYTES)
            for page in look:
                cursor = page.cursor
                yield page
            if getattr(look, "last_arrival_ms", 0) <= ended.stopped_ms:
                return
            time.sleep(settle)

    def _cost(self, spec: ContainerSpec, ended: _Ended) -> Decimal | None:
        rates = rates_of(self._options, self._client.region, spec.platform)
        cpus, memory_mib, seconds = ended.size
        if rates is None:
            return None
        return rates.cost(cpus, memory_mib, seconds) if seconds else Decimal(0)

    def _stop(self, execution_id: str) -> None:
        try:
            self._client.call(
                Api.ECS, "stop_task", cluster=self._options.cluster, task=execution_id, reason=STOP_REASON
            )
        except ExecutorError as error:
            if refusals.is_unknown_task(error):
                return
            raise
        began, pause = time.monotonic(), _FIRST_LOOK_SECONDS
        while time.monotonic() - began < _CONFIRM_SECONDS:
            if self.check_status(execution_id).has_ended:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
        raise TransientError(f"{execution_id} has not stopped {_CONFIRM_SECONDS:g} s after it was told to")

    def _cluster(self) -> str:
        name = self._options.cluster
        answer = self._client.call(Api.ECS, "describe_clusters", clusters=[name])
        found = next(iter(answer.get("clusters", ())), None)
        if found is None or found.get("status") != "ACTIVE":
            raise refusals.no_cluster(name, self._client.region, found.get("status", "") if found else "MISSING")
        return (
            f"cluster {name} in {self._client.region}, account {self._options.account_id}: "
            f"{found.get('runningTasksCount', 0)} tasks run"
        )
