"""Starting an attempt: once, with the command, environment and exit code it was given."""

import pytest

from container_manager_core.errors import CapacityError, LeaseLost, TransientError
from container_manager_core.executor import Capability, ContainerExecutor, ExecutionStatus, Launch
from container_manager_core.failure import FailureKind
from container_manager_core.testing.case import needs
from container_manager_core.testing.executor_kit import ExecutorKit, Prepare
from container_manager_core.testing.program import (
    Exit,
    Pause,
    PrintArguments,
    PrintFolder,
    PrintVariables,
    Say,
)


class LaunchCases(ExecutorKit):
    """What `launch_job` and `find_execution` promise."""

    @pytest.mark.parametrize("code", [0, 1, 3, 125, 126, 127, 255])
    def test_exit_code_is_the_commands(self, executor: ContainerExecutor, prepare: Prepare, code: int) -> None:
        state = self.wait(executor, executor.launch_job(prepare(Exit(code))).execution_id)
        assert state.status is ExecutionStatus.EXITED, f"the command ran and ended, so it is exited, not {state}"
        assert state.exit_code == code

    def test_launch_gives_the_id_that_find_gives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Exit(0))
        launch = executor.launch_job(request)
        assert launch.execution_id
        assert executor.find_execution(request) == launch.execution_id
        self.wait(executor, launch.execution_id)
        assert executor.find_execution(request) == launch.execution_id, "an ended execution is still found"

    def test_launching_twice_starts_once(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"started\n"), Pause(0.5))
        first = executor.launch_job(request)
        second = executor.launch_job(request)
        assert second.execution_id == first.execution_id
        self.wait(executor, first.execution_id)
        assert executor.get_logs(first.execution_id).stdout == b"started\n"

    def test_launching_again_after_the_end_never_restarts(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        request = prepare(Say(b"started\n"), Exit(3))
        execution_id = self.run(executor, request)
        before = executor.check_status(execution_id)
        assert executor.launch_job(request).execution_id == execution_id
        after = executor.check_status(execution_id)
        assert (after.status, after.exit_code, after.finished_at) == (
            before.status,
            before.exit_code,
            before.finished_at,
        )
        assert executor.get_logs(execution_id).stdout == b"started\n"

    def test_two_workers_launching_at_once_start_once(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        """Each gets the same id, or an error that says to look again; the command runs once."""
        request = prepare(Say(b"started\n"), Pause(0.3))
        answers = self.at_the_same_time(
            *(lambda: executor.launch_job(request), lambda: other_executor.launch_job(request)) * 2
        )
        ids = {answer.execution_id for answer in answers if isinstance(answer, Launch)}
        assert len(ids) == 1, f"one execution was to be started: {answers}"
        assert all(isinstance(answer, Launch | TransientError | CapacityError) for answer in answers)
        (execution_id,) = ids
        self.wait(executor, execution_id)
        assert executor.get_logs(execution_id).stdout == b"started\n"
        assert [owned.execution_id for owned in executor.list_owned()] == [execution_id]

    def test_another_worker_finds_the_execution(
        self, executor: ContainerExecutor, other_executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        request = prepare(Say(b"started\n"), Pause(0.3))
        execution_id = executor.launch_job(request).execution_id
        assert other_executor.find_execution(request) == execution_id
        assert other_executor.launch_job(request).execution_id == execution_id
        self.wait(other_executor, execution_id)
        assert other_executor.get_logs(execution_id).stdout == b"started\n"

    def test_an_attempt_that_was_never_launched_is_not_found(
        self, executor: ContainerExecutor, prepare: Prepare
    ) -> None:
        assert executor.find_execution(prepare(Exit(0))) is None

    def test_another_attempt_is_another_execution(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        first = prepare(Exit(1))
        second = prepare(Exit(2), job_id=first.job_id, attempt=2)
        first_id = self.run(executor, first)
        assert executor.find_execution(second) is None
        second_id = self.run(executor, second)
        assert second_id != first_id
        assert [executor.check_status(each).exit_code for each in (first_id, second_id)] == [1, 2]

    def test_a_lost_lease_starts_nothing(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """``confirm_lease`` is asked before the call that starts something, and its error comes through."""
        request = prepare(Say(b"started\n"))

        def lost() -> float:
            raise LeaseLost(request.job_id, "conformance")

        stale = prepare(Say(b"started\n"), job_id=request.job_id, confirm_lease=lost)
        with pytest.raises(LeaseLost):
            executor.launch_job(stale)
        execution_id = self.run(executor, request)
        assert executor.get_logs(execution_id).stdout == b"started\n", "only the worker with the lease starts it"

    def test_environment_arrives_unchanged(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        environment = {
            "PLAIN": "value",
            "EMPTY": "",
            "SPACES": "  two  words ",
            "QUOTES": 'it\'s "quoted" `here` $HOME \\n',
            "EQUALS": "a=b=c",
            "LINES": "first\nsecond\n\nlast",
            "UNICODE": "Grüße, 世界 🚢",
        }
        request = prepare(PrintVariables((*environment, "ABSENT")), environment=environment)
        execution_id = self.run(executor, request)
        expected = "".join(f"<{value}>" for value in [*environment.values(), "unset"])
        assert executor.get_logs(execution_id).stdout.rstrip(b"\n").decode() == expected

    def test_a_large_environment_arrives(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """Many variables and a long one, as much in all as the platform takes."""
        size = self.largest_environment_bytes
        environment = {f"VARIABLE_{number}": "v" * 80 for number in range(size // 400)}
        environment["LONG"] = "l" * (size // 2)
        last = f"VARIABLE_{size // 400 - 1}"
        execution_id = self.run(executor, prepare(PrintVariables((last, "LONG")), environment=environment))
        expected = f"<{environment[last]}><{environment['LONG']}>"
        assert executor.get_logs(execution_id).stdout.rstrip(b"\n").decode() == expected

    def test_arguments_arrive_unchanged(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        words = ("two words", "", "it's", '"', "$HOME", "*", "a\\b", "-x", "世界", "new\nline")
        execution_id = self.run(executor, prepare(PrintArguments(words)))
        expected = "".join(f"<{word}>" for word in words)
        assert executor.get_logs(execution_id).stdout.rstrip(b"\n").decode() == expected

    def test_working_directory_is_honoured(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        execution_id = self.run(executor, prepare(PrintFolder(), working_directory=self.working_directory))
        assert executor.get_logs(execution_id).stdout.strip().decode() == self.working_directory

    @needs(Capability.IMAGES)
    def test_a_missing_image_is_told(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        failure = self.failure(executor, prepare(Exit(0), image=self.missing_image))
        assert failure.kind is FailureKind.IMAGE
        assert not failure.retryable
        assert self.missing_image in failure.message, f"the message names the image: {failure}"
        assert failure.hint, "the hint says the remedy"

    def test_a_missing_command_is_no_exit_127(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        """A command that is not there is a failure of the spec; a shell's 127 is the command's own exit code."""
        failure = self.failure(executor, prepare(command=(self.missing_command, "argument")))
        assert failure.kind is FailureKind.SPEC
        assert not failure.retryable
        assert self.missing_command in failure.message, f"the message names the command: {failure}"

    def test_a_file_that_is_no_program_is_told(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        failure = self.failure(executor, prepare(command=(self.not_executable,)))
        assert failure.kind is FailureKind.SPEC
        assert self.not_executable in failure.message, f"the message names the command: {failure}"

    def test_many_at_once_keep_their_own_output(self, executor: ContainerExecutor, prepare: Prepare) -> None:
        requests = [prepare(Say(f"job {number}\n".encode()), Exit(number)) for number in range(8)]
        launches = self.at_the_same_time(*(lambda r=request: executor.launch_job(r) for request in requests))
        for number, launch in enumerate(launches):
            assert isinstance(launch, Launch), f"launch {number} answered {launch!r}"
            assert self.wait(executor, launch.execution_id).exit_code == number
            assert executor.get_logs(launch.execution_id).stdout == f"job {number}\n".encode()
