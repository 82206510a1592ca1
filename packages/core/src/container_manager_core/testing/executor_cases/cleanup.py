"""Removing what an attempt left on the platform."""

import time

import attrs

from container_manager_core.executor import ContainerExecutor, ExecutionStatus, Logs
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import Exit, IgnoreTermination, Say, Tick


class CleanupCases(ExecutorKit):
    """What `cleanup` promises."""

    def test_cleanup_leaves_nothing(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"out\n"))
        execution_id = self.run(executor, request)
        executor.cleanup(execution_id)
        assert executor.find_execution(request) is None
        assert executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND
        assert executor.get_logs(execution_id) == Logs()
        assert list(executor.list_owned()) == []

    def test_cleaning_up_twice_is_no_error(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        executor.cleanup(execution_id)
        executor.cleanup(execution_id)

    def test_two_workers_cleaning_up_at_once_is_no_error(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        execution_id = self.run(executor, prepare(Exit(0)))
        answers = self.at_the_same_time(
            lambda: executor.cleanup(execution_id), lambda: other_executor.cleanup(execution_id)
        )
        assert answers == [None, None]
        assert executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND

    def test_cleaning_up_the_unknown_is_no_error(self, executor: ContainerExecutor) -> None:
        executor.cleanup("unknown")

    def test_cleaning_up_what_runs_ends_it(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(IgnoreTermination(), Tick())
        execution_id = executor.launch_job(request).execution_id
        begun = time.monotonic()
        executor.cleanup(execution_id)
        assert time.monotonic() - begun < self.timeout_seconds
        assert executor.check_status(execution_id).status is ExecutionStatus.NOT_FOUND
        assert executor.find_execution(request) is None

    def test_cleanup_leaves_the_others_alone(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        kept, removed = (self.run(executor, prepare(Say(b"out\n"))) for _ in range(2))
        executor.cleanup(removed)
        assert executor.check_status(kept).status is ExecutionStatus.EXITED
        assert executor.get_logs(kept).stdout == b"out\n"

    def test_harvesting_what_was_cleaned_up_is_no_error(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"out\n"))
        execution_id = self.run(executor, request)
        executor.cleanup(execution_id)
        harvest = executor.harvest_job(attrs.evolve(request, execution_id=execution_id))
        assert harvest.state.status is ExecutionStatus.NOT_FOUND
        assert [page.chunks for page in harvest.pages] == [()]
