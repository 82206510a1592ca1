"""Stopping an execution: politely, then by force, and the end confirmed."""

import time

from container_manager_core.executor import Capability, ContainerExecutor, ExecutionStatus, Stream
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import ChildTick, Exit, IgnoreTermination, OnTermination, Pause, Say, Tick


class CancelCases(ExecutorKit):
    """What `cancel` promises."""

    def test_cancel_blocks_until_the_end(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        executor.cancel(execution_id, 1.0)
        state = executor.check_status(execution_id)
        assert state.has_ended, f"cancel came back before the end: {state}"
        assert state.exit_code != 0, "a cancelled command is no success"
        assert state.finished_at is not None

    @needs(Capability.GRACEFUL_STOP, Capability.LIVE_LOGS)
    def test_a_command_may_end_by_itself(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """Its last output and its own exit code are kept."""
        request = prepare(OnTermination(b"bye\n", 5), Say(b"ready\n"), Pause(60))
        execution_id = executor.launch_job(request).execution_id
        self.wait_for_output(executor, execution_id, b"ready\n")
        begun = time.monotonic()
        executor.cancel(execution_id, 20.0)
        assert time.monotonic() - begun < 15, "cancel does not wait for the whole grace period"
        assert executor.check_status(execution_id).exit_code == 5
        assert executor.get_logs(execution_id).stdout == b"ready\nbye\n"

    @needs(Capability.GRACEFUL_STOP, Capability.LIVE_LOGS)
    def test_a_command_that_ignores_the_stop_is_killed(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(IgnoreTermination(), Say(b"ready\n", Stream.STDOUT), Tick())
        execution_id = executor.launch_job(request).execution_id
        self.wait_for_output(executor, execution_id, b"ready\n")
        begun = time.monotonic()
        executor.cancel(execution_id, 1.0)
        assert 0.9 <= time.monotonic() - begun < 1.0 + self.timeout_seconds / 2
        state = executor.check_status(execution_id)
        assert (state.status, state.exit_code) == (ExecutionStatus.EXITED, 137)

    def test_without_grace_it_is_killed_at_once(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(IgnoreTermination(), Tick())).execution_id
        executor.cancel(execution_id, 0)
        assert executor.check_status(execution_id).has_ended

    @needs(Capability.LIVE_LOGS)
    def test_children_of_the_command_end_too(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(ChildTick())).execution_id
        self.wait_for_output(executor, execution_id, b".")
        executor.cancel(execution_id, 1.0)
        before = executor.get_logs(execution_id).stdout
        time.sleep(0.5)
        assert executor.get_logs(execution_id).stdout == before, "something of it still writes"

    def test_cancelling_twice_is_one_end(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        executor.cancel(execution_id, 1.0)
        first = executor.check_status(execution_id)
        executor.cancel(execution_id, 1.0)
        assert executor.check_status(execution_id) == first

    def test_two_workers_cancelling_at_once_is_one_end(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        answers = self.at_the_same_time(
            lambda: executor.cancel(execution_id, 1.0), lambda: other_executor.cancel(execution_id, 1.0)
        )
        assert answers == [None, None]
        assert executor.check_status(execution_id).has_ended

    def test_another_worker_can_cancel(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = executor.launch_job(prepare(Pause(60))).execution_id
        other_executor.cancel(execution_id, 1.0)
        assert executor.check_status(execution_id).has_ended

    def test_cancelling_what_has_ended_changes_nothing(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Say(b"out\n"), Exit(3)))
        before = executor.check_status(execution_id)
        executor.cancel(execution_id, 1.0)
        assert executor.check_status(execution_id) == before
        assert executor.get_logs(execution_id).stdout == b"out\n"

    def test_cancelling_at_the_moment_of_the_end_is_no_error(
        self, executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        for pause in (0.0, 0.02, 0.05):
            execution_id = executor.launch_job(prepare(Pause(0.05), Exit(0))).execution_id
            time.sleep(pause)
            executor.cancel(execution_id, 1.0)
            assert executor.check_status(execution_id).has_ended

    def test_cancelling_the_unknown_is_no_error(self, executor: ContainerExecutor) -> None:
        executor.cancel("unknown", 1.0)

    def test_a_cancelled_attempt_is_not_started_again(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Pause(60))
        execution_id = executor.launch_job(request).execution_id
        executor.cancel(execution_id, 0.5)
        assert executor.launch_job(request).execution_id == execution_id
        assert executor.check_status(execution_id).has_ended
