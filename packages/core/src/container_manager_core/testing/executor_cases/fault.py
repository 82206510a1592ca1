"""What is left whole when the way to the platform, or its clock, is not."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from container_manager_core.clock import SystemClock
from container_manager_core.errors import TransientError
from container_manager_core.executor import Capability, ContainerExecutor, ExecutionStatus
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, MakeExecutor, Prepare
from container_manager_core.testing.program import Exit, Pause, Say


class FaultInjector(Protocol):
    """Makes calls of the executor under test go wrong, by a proxy or by the platform's own double."""

    def refuse(self, method: str, times: int) -> None:
        """The next calls of the executor's method, or of any with ``*``, are answered "slow down", undone."""

    def lose_answer(self, method: str) -> None:
        """The next call of the method is done by the platform, and its answer never arrives."""

    def hide_new(self, seconds: float) -> None:
        """From now on a new execution cannot be seen for so long."""

    def delay_output(self, seconds: float) -> None:
        """From now on output can be read so much later than it was written, all of it: its order stays."""


class _SteppingClock(SystemClock):
    """The machine's clock, until its wall time is set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class FaultCases(ExecutorKit):
    """What every method promises about calls that fail. Most need the fixture ``faults``."""

    @pytest.fixture
    def faults(self) -> FaultInjector:
        """Makes calls go wrong. Overriding it brings the cases that need it."""
        raise NotImplementedError("override the fixture faults")

    @pytest.mark.parametrize("hours", [-2, 2])
    def test_a_clock_that_is_set_changes_nothing(
        self, make_executor: MakeExecutor, prepare: Prepare, hours: int
    ) -> None:
        """Neither what has ended nor how long a grace period is depends on the wall clock."""
        clock = _SteppingClock()
        executor = make_executor(clock=clock)
        ending = executor.launch_job(prepare(Pause(0.3), Exit(3))).execution_id
        running = executor.launch_job(prepare(Pause(60))).execution_id
        clock.offset = timedelta(hours=hours)
        state = self.wait(executor, ending)
        assert state.exit_code == 3
        assert state.started_at is not None
        assert state.finished_at is not None
        assert state.started_at <= state.finished_at
        begun = time.monotonic()
        executor.cancel(running, 1.0)
        assert time.monotonic() - begun < self.timeout_seconds
        assert executor.check_status(running).has_ended

    @needs(facts=["faults"])
    def test_a_launch_whose_answer_was_lost_is_found(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        request = prepare(Say(b"started\n"))
        faults.lose_answer("launch_job")
        with pytest.raises(TransientError) as caught:
            executor.launch_job(request)
        assert caught.value.may_have_started, "the caller has to know that it must look before it launches again"
        execution_id = executor.launch_job(request).execution_id
        assert executor.find_execution(request) == execution_id
        self.wait(executor, execution_id)
        assert executor.get_logs(execution_id).stdout == b"started\n"
        assert len(executor.list_owned()) == 1

    @needs(facts=["faults"])
    def test_a_launch_that_was_refused_started_nothing(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        request = prepare(Say(b"started\n"))
        faults.refuse("launch_job", 1)
        with pytest.raises(TransientError):
            executor.launch_job(request)
        assert executor.find_execution(request) is None
        execution_id = self.run(executor, request)
        assert executor.get_logs(execution_id).stdout == b"started\n"

    @needs(facts=["faults"])
    def test_a_storm_of_refusals_passes(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        """A status that could not be had is an error, never ``not-found``."""
        execution_id = self.run(executor, prepare(Exit(3)))
        faults.refuse("*", 20)
        refused = 0
        for _ in range(40):
            try:
                assert executor.check_status(execution_id).exit_code == 3
            except TransientError:
                refused += 1
        assert 1 <= refused <= 20
        assert executor.check_status(execution_id).exit_code == 3

    @needs(facts=["faults"])
    def test_a_cancel_whose_answer_was_lost_can_be_repeated(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        faults.lose_answer("cancel")
        with pytest.raises(TransientError):
            executor.cancel(execution_id, 1.0)
        executor.cancel(execution_id, 1.0)
        assert executor.check_status(execution_id).has_ended

    @needs(facts=["faults"])
    def test_a_cleanup_whose_answer_was_lost_can_be_repeated(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        faults.lose_answer("cleanup")
        with pytest.raises(TransientError):
            executor.cleanup(execution_id)
        executor.cleanup(execution_id)
        assert executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND

    @needs(Capability.IDEMPOTENT_LAUNCH, facts=["faults"])
    def test_what_cannot_be_seen_yet_is_not_started_again(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        """Missing, then found: platforms show a new execution late."""
        faults.hide_new(0.5)
        request = prepare(Say(b"started\n"))
        execution_id = executor.launch_job(request).execution_id
        assert executor.launch_job(request).execution_id == execution_id
        self.wait(executor, execution_id)
        assert executor.get_logs(execution_id).stdout == b"started\n"

    @needs(facts=["faults"])
    def test_output_that_comes_late_comes_whole(
        self, executor: ContainerExecutor, prepare: Prepare, faults: FaultInjector
    ) -> None:
        """A cursor that was taken too early still leads to what comes after it."""
        faults.delay_output(0.5)
        execution_id = self.run(executor, prepare(Say(b"one\n"), Say(b"two\n")))
        assert self.wait_for_output(executor, execution_id, b"one\ntwo\n") == b"one\ntwo\n"
