"""The host as a whole: health, plans, what is owned there, and its events."""

import threading
import time
from collections.abc import Iterator

import attrs
import pytest

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import Capability, ContainerExecutor, ExecutionEvent, ExecutionStatus
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, MakeExecutor, Prepare
from container_manager_core.testing.program import Exit, Pause


class HostCases(ExecutorKit):
    """What `check_health`, `plan`, `list_owned`, `events` and `close` promise."""

    def test_it_has_the_capabilities_that_its_type_declares(self, executor: ContainerExecutor) -> None:
        assert executor.capabilities == self.executor_type.capabilities

    def test_its_options_are_a_typed_value(self) -> None:
        assert attrs.has(self.executor_type.options), "a host's config becomes an attrs class, checked by its types"

    def test_health_is_good_and_timed(self, executor: ContainerExecutor) -> None:
        health = executor.check_health()
        assert health.ok, f"{health.message}; {health.hint}"
        assert 0 <= health.latency_seconds < self.timeout_seconds
        assert health.message, "the message says what answered"

    @needs(facts=["unreachable_options"])
    def test_a_host_that_does_not_answer_is_told(
        self, make_executor: MakeExecutor, unreachable_options: object
    ) -> None:
        health = make_executor(options=unreachable_options).check_health()
        assert not health.ok
        assert health.message
        assert health.hint, "the hint says the remedy"

    @needs(facts=["unreachable_options"])
    def test_a_launch_without_an_answer_is_transient(
        self, make_executor: MakeExecutor, unreachable_options: object, prepare: Prepare
    ) -> None:
        executor = make_executor(options=unreachable_options)
        with pytest.raises(TransientError):
            executor.launch_job(prepare(Exit(0)))

    def test_a_plain_spec_can_run_and_starts_nothing(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Exit(0))
        plan = executor.plan(request.spec)
        assert plan.can_run, f"the plan refuses what the cases run: {plan.problems}"
        assert executor.find_execution(request) is None
        assert list(executor.list_owned()) == []

    @needs(facts=["impossible_spec"])
    def test_what_cannot_run_is_refused_with_the_remedy(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        assert self.impossible_spec is not None
        plan = executor.plan(self.impossible_spec)
        assert not plan.can_run
        for problem in plan.problems:
            assert problem.place, f"the problem names its place: {problem}"
            assert problem.message, f"the problem says what is wrong: {problem}"
            assert problem.remedy, f"the problem says the remedy: {problem}"
        with pytest.raises(PermanentError):
            executor.launch_job(attrs.evolve(prepare(Exit(0)), spec=self.impossible_spec))

    def test_owned_executions_are_listed(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        running, ended = prepare(Pause(60)), prepare(Exit(3), attempt=2)
        ids = {executor.launch_job(running).execution_id: running, self.run(executor, ended): ended}
        listed = {owned.execution_id: owned for owned in executor.list_owned()}
        assert listed.keys() == ids.keys()
        for execution_id, request in ids.items():
            owned = listed[execution_id]
            assert (owned.name, owned.job_id, owned.attempt) == (request.name, request.job_id, request.attempt)
        statuses = {listed[execution_id].status for execution_id in ids}
        assert statuses == {ExecutionStatus.RUNNING, ExecutionStatus.EXITED}

    def test_another_worker_lists_the_same(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        assert [owned.execution_id for owned in other_executor.list_owned()] == [execution_id]

    def test_another_installations_are_not_listed(
        self, executor: ContainerExecutor, foreign_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        self.run(executor, prepare(Exit(0)))
        assert list(foreign_executor.list_owned()) == []

    def test_closing_twice_is_no_error(self, make_executor: MakeExecutor) -> None:
        executor = make_executor()
        executor.close()
        executor.close()

    def test_what_runs_outlives_the_executor(
        self, make_executor: MakeExecutor, executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        """A worker that goes away detaches; it does not stop what it started."""
        leaving = make_executor()
        execution_id = leaving.launch_job(prepare(Pause(0.5), Exit(3))).execution_id
        leaving.close()
        assert self.wait(executor, execution_id).exit_code == 3

    @needs(Capability.EVENTS)
    def test_events_begin_with_a_look_at_everything(self, executor: ContainerExecutor) -> None:
        stopped = threading.Event()
        try:
            assert next(iter(executor.events(stopped))) == ExecutionEvent()
        finally:
            stopped.set()

    @needs(Capability.EVENTS)
    def test_an_end_is_told_at_once(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        with self._listen(executor) as heard:
            execution_id = executor.launch_job(prepare(Pause(0.5))).execution_id
            self._wait_for(heard, execution_id)
        state = executor.check_status(execution_id)
        assert state.has_ended, f"the event came before the end could be seen: {state}"

    @needs(Capability.EVENTS)
    def test_every_worker_is_told(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        with self._listen(executor) as heard, self._listen(other_executor) as heard_elsewhere:
            execution_id = executor.launch_job(prepare(Pause(0.2))).execution_id
            self._wait_for(heard, execution_id)
            self._wait_for(heard_elsewhere, execution_id)

    @needs(Capability.EVENTS)
    def test_a_listener_stops_when_asked(self, executor: ContainerExecutor) -> None:
        with self._listen(executor):
            begun = time.monotonic()
        assert time.monotonic() - begun < 5

    def _listen(self, executor: ContainerExecutor) -> "_Listener":
        return _Listener(executor)

    def _wait_for(self, heard: "_Listener", execution_id: str) -> None:
        deadline = time.monotonic() + self.timeout_seconds
        while time.monotonic() < deadline:
            if execution_id in heard.ids:
                return
            time.sleep(self.poll_interval_seconds)
        raise AssertionError(f"no event told of {execution_id}; those that came: {heard.ids}")


class _Listener:
    """A thread that collects the ids of an executor's events while the context lasts."""

    def __init__(self, executor: ContainerExecutor) -> None:
        self.ids: list[str | None] = []
        self._stopped = threading.Event()
        self._events: Iterator[ExecutionEvent] = executor.events(self._stopped)
        self._thread = threading.Thread(target=self._collect)

    def _collect(self) -> None:
        for event in self._events:
            self.ids.append(event.execution_id)

    def __enter__(self) -> "_Listener":
        self._thread.start()
        while not self.ids and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *details: object) -> None:
        self._stopped.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the events go on 10 s after they were to stop"
