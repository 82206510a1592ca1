"""What every case of the executor suite stands on: the author's facts, the fixtures and the waiting."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol
from uuid import UUID, uuid4

import pytest

from container_manager_core.clock import Clock, SystemClock
from container_manager_core.errors import ExecutorError
from container_manager_core.executor import (
    ContainerExecutor,
    ExecutionRequest,
    ExecutionState,
    ExecutorContext,
    ExecutorType,
    Stream,
)
from container_manager_core.failure import Failure
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing.program import Step, render_shell


class MakeExecutor(Protocol):
    """Makes an executor of the kind under test."""

    def __call__(
        self, *, installation_id: str | None = None, clock: Clock | None = None, options: Any = None
    ) -> ContainerExecutor: ...


class Prepare(Protocol):
    """Makes the request for an attempt whose command takes some steps, and cleans up after the case."""

    def __call__(
        self,
        *steps: Step,
        command: tuple[str, ...] | None = None,
        job_id: UUID | None = None,
        attempt: int = 1,
        image: str | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        confirm_lease: Callable[[], float] | None = None,
        **spec: Any,
    ) -> ExecutionRequest: ...


class ExecutorKit:
    """The facts an author gives, the fixtures and the helpers of the cases.

    Attributes:
        executor_type: the type under test, as the plugin registers it. The only fact that must be given.
        image: an image with a POSIX shell in it.
        missing_image: a reference to no image at all.
        missing_command: a program that the image does not have.
        not_executable: a file of the image that is no program.
        working_directory: a folder of the image.
        memory_limit_mib: a limit that `image`'s shell can live with, small enough to be exceeded quickly.
        largest_environment_bytes: how much environment the platform takes in all.
        resources: limits of every execution of the cases, where the platform insists on some.
        timeout_seconds: how long one execution may take from launch to end before a case gives up.
        poll_interval_seconds: pause between two looks.
        clock_skew_seconds: how far the platform's clock may be from this machine's.
        impossible_spec: something that this executor's `plan` must refuse; None leaves the case out.
    """

    executor_type: ClassVar[ExecutorType]
    image: ClassVar[str] = "alpine"
    missing_image: ClassVar[str] = "container-manager-conformance/there-is-no-such-image:1"
    missing_command: ClassVar[str] = "/there/is/no/such-command"
    not_executable: ClassVar[str] = "/dev/null"
    working_directory: ClassVar[str] = "/tmp"
    memory_limit_mib: ClassVar[int] = 64
    largest_environment_bytes: ClassVar[int] = 100_000
    resources: ClassVar[Resources] = Resources()
    timeout_seconds: ClassVar[float] = 30.0
    poll_interval_seconds: ClassVar[float] = 0.03
    clock_skew_seconds: ClassVar[float] = 2.0
    impossible_spec: ClassVar[ContainerSpec | None] = None

    def shell(self, script: str) -> tuple[str, ...]:
        """The command that runs a shell script. To be overridden where the shell has another name."""
        return ("sh", "-c", script)

    def command(self, *steps: Step) -> tuple[str, ...]:
        """The command that takes the steps. To be overridden where there is no shell."""
        script, words = render_shell(steps)
        return (*self.shell(script), *(("sh", *words) if words else ()))

    @pytest.fixture
    def options(self) -> Any:
        """The executor's options, ``executor_type.options``. To be overridden where the defaults will not do."""
        return self.executor_type.options()

    @pytest.fixture
    def unreachable_options(self) -> Any:
        """Options of a place that does not answer. Overriding it brings the cases that need it."""
        raise NotImplementedError("override the fixture unreachable_options")

    @pytest.fixture
    def installation_id(self) -> str:
        """The installation under test; another one for each case."""
        return f"conformance-{uuid4().hex[:12]}"

    @pytest.fixture
    def make_executor(self, options: Any, installation_id: str) -> Iterator[MakeExecutor]:
        """Makes executors for the same place; they are closed at the end of the case."""
        made: list[ContainerExecutor] = []
        usual_options, usual_installation = options, installation_id

        def make(
            *, installation_id: str | None = None, clock: Clock | None = None, options: Any = None
        ) -> ContainerExecutor:
            context = ExecutorContext(
                host="conformance",
                installation_id=installation_id or usual_installation,
                clock=clock or SystemClock(),
            )
            executor = self.executor_type.factory(options or usual_options, context)
            made.append(executor)
            return executor

        yield make
        for executor in made:
            executor.close()

    @pytest.fixture
    def executor(self, make_executor: MakeExecutor) -> ContainerExecutor:
        """The executor under test."""
        return make_executor()

    @pytest.fixture
    def other_executor(self, make_executor: MakeExecutor) -> ContainerExecutor:
        """Another worker's executor, for the same place and installation."""
        return make_executor()

    @pytest.fixture
    def foreign_executor(self, make_executor: MakeExecutor) -> ContainerExecutor:
        """An executor for the same place that belongs to another installation."""
        return make_executor(installation_id=f"foreign-{uuid4().hex[:12]}")

    @pytest.fixture
    def prepare(self, executor: ContainerExecutor, installation_id: str) -> Iterator[Prepare]:
        """Makes requests; whatever was started of them is cleaned up at the end of the case."""
        made: list[ExecutionRequest] = []

        def make(
            *steps: Step,
            command: tuple[str, ...] | None = None,
            job_id: UUID | None = None,
            attempt: int = 1,
            image: str | None = None,
            environment: Mapping[str, str] | None = None,
            secrets: Mapping[str, str] | None = None,
            confirm_lease: Callable[[], float] | None = None,
            **spec: Any,
        ) -> ExecutionRequest:
            job_id = job_id or uuid4()
            request = ExecutionRequest(
                job_id=job_id,
                attempt=attempt,
                name=f"cm-{job_id}-{attempt}",
                spec=ContainerSpec(
                    image=image or self.image,
                    command=command or self.command(*steps),
                    **{"resources": self.resources, "stop_grace_seconds": 1.0, **spec},
                ),
                environment=environment or {},
                secrets=secrets or {},
                installation_id=installation_id,
                confirm_lease=confirm_lease or (lambda: math.inf),
            )
            made.append(request)
            return request

        yield make
        for request in made:
            execution_id = executor.find_execution(request)
            if execution_id is not None:
                executor.cleanup(execution_id)

    def run(self, executor: ContainerExecutor, request: ExecutionRequest) -> str:
        """Launch, wait for the end and give the execution's id."""
        execution_id = executor.launch_job(request).execution_id
        self.wait(executor, execution_id)
        return execution_id

    def wait(self, executor: ContainerExecutor, execution_id: str) -> ExecutionState:
        """The state once the execution has ended."""
        state = executor.check_status(execution_id)
        deadline = time.monotonic() + self.timeout_seconds
        while not state.has_ended and time.monotonic() < deadline:
            time.sleep(self.poll_interval_seconds)
            state = executor.check_status(execution_id)
        assert state.has_ended, f"{execution_id} has not ended after {self.timeout_seconds} s: {state}"
        return state

    def wait_for_output(
        self, executor: ContainerExecutor, execution_id: str, wanted: bytes, stream: Stream = Stream.STDOUT
    ) -> bytes:
        """A stream's output once it holds ``wanted``; with an executor that has live output."""
        seen, cursor = b"", ""
        deadline = time.monotonic() + self.timeout_seconds
        while time.monotonic() < deadline:
            page = executor.read_logs(execution_id, cursor)
            cursor = page.cursor
            seen += page.stdout if stream is Stream.STDOUT else page.stderr
            if wanted in seen:
                return seen
            if not page.more:
                time.sleep(self.poll_interval_seconds)
        raise AssertionError(f"{wanted!r} did not come within {self.timeout_seconds} s; there was {seen!r}")

    def failure(self, executor: ContainerExecutor, request: ExecutionRequest) -> Failure:
        """Why an attempt that must fail did: the launch's error, or the reason in the final state."""
        try:
            execution_id = executor.launch_job(request).execution_id
        except ExecutorError as error:
            return error.failure
        state = self.wait(executor, execution_id)
        assert state.failure is not None, f"no failure is told for what could not be started: {state}"
        return state.failure

    def at_the_same_time(self, *calls: Callable[[], Any]) -> list[Any]:
        """What each call returned, or the `ExecutorError` it raised, with all of them let go at once."""
        answers: list[Any] = [None] * len(calls)
        start = threading.Barrier(len(calls))

        def call(number: int) -> None:
            start.wait()
            try:
                answers[number] = calls[number]()
            except ExecutorError as error:
                answers[number] = error

        threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.timeout_seconds)
            assert not thread.is_alive(), f"a call has not come back after {self.timeout_seconds} s"
        return answers
