"""What is told of an execution: its state, times and usage, alone, in bulk and as a harvest."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from container_manager_core.executor import Capability, ContainerExecutor, ExecutionStatus
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import Burn, Exit, Hoard, Pause, Say


class StateCases(ExecutorKit):
    """What `check_status`, `check_statuses`, `get_usage` and `harvest_job` promise."""

    def test_a_running_execution_is_running(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        state = executor.check_status(execution_id)
        assert (state.status, state.exit_code, state.failure) == (ExecutionStatus.RUNNING, None, None)
        assert state.finished_at is None

    def test_times_are_aware_utc_and_in_order(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        skew = timedelta(seconds=self.clock_skew_seconds)
        before = datetime.now(UTC) - skew
        execution_id = executor.launch_job(prepare(Pause(0.3))).execution_id
        state = self.wait(executor, execution_id)
        assert state.started_at is not None
        assert state.finished_at is not None
        assert state.started_at.utcoffset() == state.finished_at.utcoffset() == timedelta(0)
        assert before <= state.started_at < state.finished_at <= datetime.now(UTC) + skew

    def test_an_ended_state_does_not_change(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Exit(3)))
        assert executor.check_status(execution_id) == executor.check_status(execution_id)

    @pytest.mark.parametrize("execution_id", ["", "unknown", "no/such/../execution", "ä" * 300, "0" * 64])
    def test_an_unknown_id_is_not_found(self, executor: ContainerExecutor, execution_id: str) -> None:
        assert executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND
        assert executor.get_usage(execution_id) is None

    def test_statuses_in_bulk_have_every_id(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        ended = self.run(executor, prepare(Exit(3)))
        running = executor.launch_job(prepare(Pause(60))).execution_id
        states = executor.check_statuses([ended, "unknown", running, ended])
        assert {execution_id: state.status for execution_id, state in states.items()} == {
            ended: ExecutionStatus.EXITED,
            "unknown": ExecutionStatus.NOT_FOUND,
            running: ExecutionStatus.RUNNING,
        }
        assert states[ended].exit_code == 3

    def test_statuses_of_none_are_none(self, executor: ContainerExecutor) -> None:
        assert dict(executor.check_statuses([])) == {}

    def test_statuses_of_very_many_are_told(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """More than any platform takes in one call."""
        known = self.run(executor, prepare(Exit(0)))
        ids = [*(f"unknown-{number}" for number in range(250)), known]
        states = executor.check_statuses(ids)
        assert set(states) == set(ids)
        assert states[known].status is ExecutionStatus.EXITED
        assert states["unknown-249"].status is ExecutionStatus.NOT_FOUND

    def test_another_worker_sees_the_same_state(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = self.run(executor, prepare(Exit(3)))
        assert other_executor.check_status(execution_id) == executor.check_status(execution_id)

    def test_harvest_has_everything(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"out\n"), Exit(3))
        execution_id = self.run(executor, request)
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=execution_id))
        assert harvest.state == executor.check_status(execution_id)
        assert b"".join(page.stdout for page in harvest.pages) == b"out\n"

    def test_harvesting_twice_gives_the_same(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"out\n"), Exit(3))
        request = attrs.evolve(request, execution_id=self.run(executor, request))
        first, second = executor.harvest_job(request), executor.harvest_job(request)
        assert (first.state, list(first.pages)) == (second.state, list(second.pages))

    def test_a_harvest_begins_at_the_cursor(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"first line\n"), Say(b"second line\n"))
        execution_id = self.run(executor, request)
        page = executor.read_logs(execution_id, limit=4)
        request = attrs.evolve(request, execution_id=execution_id, cursor=page.cursor)
        rest = b"".join(page.stdout for page in executor.harvest_job(request).pages)
        assert page.stdout + rest == b"first line\nsecond line\n"

    @needs(Capability.USAGE)
    def test_usage_is_plausible(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Burn(), Pause(1.5))
        execution_id = self.run(executor, request)
        usage = executor.harvest_job(attrs.evolve(request, execution_id=execution_id)).usage
        assert usage is not None
        assert usage.peak_memory_bytes is not None
        assert 10_000 < usage.peak_memory_bytes < 1 << 32
        assert usage.cpu_seconds is not None
        assert 0.01 < usage.cpu_seconds < 60

    @needs(Capability.MEMORY_LIMIT)
    def test_out_of_memory_is_told_apart(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        limits = attrs.evolve(self.resources, memory_mib=self.memory_limit_mib)
        execution_id = executor.launch_job(prepare(Hoard(), resources=limits)).execution_id
        state = self.wait(executor, execution_id)
        assert state.failure is not None
        assert state.failure.kind is FailureKind.OUT_OF_MEMORY

    @needs(Capability.MEMORY_LIMIT)
    def test_a_kill_within_the_memory_limit_is_no_out_of_memory(
        self, executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        limits: Resources = attrs.evolve(self.resources, memory_mib=self.memory_limit_mib)
        execution_id = self.run(executor, prepare(Exit(137), resources=limits))
        state = executor.check_status(execution_id)
        assert state.exit_code == 137
        assert state.failure is None or state.failure.kind is not FailureKind.OUT_OF_MEMORY

    @needs(Capability.PLATFORM_TIMEOUT)
    def test_the_platform_ends_what_takes_too_long(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Pause(600), timeout_seconds=2.0)).execution_id
        state = self.wait(executor, execution_id)
        assert state.failure is not None
        assert state.failure.kind is FailureKind.TIMEOUT
