"""The mock executor keeps the contract, with a script that plays what each case's command would do."""

from collections.abc import Iterator
from typing import Any, ClassVar

import attrs
import pytest

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.executor import ExecutionRequest, Stream
from container_manager_core.executors.mock import MOCK, MockOptions, MockPlatform, Outcome, Output
from container_manager_core.failure import FailureKind
from container_manager_core.job import Usage
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.testing import (
    ChildTick,
    ExecutorConformance,
    Exit,
    FaultInjector,
    Flood,
    Hoard,
    IgnoreTermination,
    OnTermination,
    Pause,
    PrintArguments,
    PrintFolder,
    PrintVariables,
    Say,
    Step,
    Tick,
)

TICKS = 600


class Play:
    """Turns the steps of a case's command into what a platform would have to show of it."""

    def __init__(self) -> None:
        self.programs: list[tuple[Step, ...]] = []

    def __call__(self, job: ExecutionRequest) -> Outcome:
        word, *rest = job.spec.command
        if word != "play":
            raise PermanentError(f"there is no command {word!r}", FailureKind.SPEC)
        outcome = Outcome(usage=Usage(peak_memory_bytes=1_000_000, cpu_seconds=0.2))
        for step in self.programs[int(rest[0])]:
            outcome = self._after(outcome, step, job)
        return outcome

    def _after(self, outcome: Outcome, step: Step, job: ExecutionRequest) -> Outcome:
        match step:
            case Exit(code):
                return attrs.evolve(outcome, exit_code=code)
            case Pause(seconds):
                return attrs.evolve(outcome, duration_seconds=outcome.duration_seconds + seconds)
            case IgnoreTermination():
                return attrs.evolve(outcome, stop_seconds=float("inf"))
            case OnTermination(data, code):
                return attrs.evolve(outcome, stop_exit_code=code, stop_output=(Output(data=data),))
            case Hoard():
                return outcome.failing(FailureKind.OUT_OF_MEMORY)
            case Tick() | ChildTick():
                ticks = [Output(data=b".", at_seconds=number / 10) for number in range(TICKS)]
                return attrs.evolve(outcome, output=(*outcome.output, *ticks), duration_seconds=TICKS / 10)
            case _:
                pieces = [
                    Output(data=data, stream=stream, at_seconds=outcome.duration_seconds)
                    for stream, data in self._written(step, job)
                ]
                return attrs.evolve(outcome, output=(*outcome.output, *pieces))

    def _written(self, step: Step, job: ExecutionRequest) -> Iterator[tuple[Stream, bytes]]:
        match step:
            case Say(data, stream):
                yield stream, data
            case Flood(_, streams):
                for stream in streams:
                    yield stream, step.data
            case PrintVariables(names):
                variables = {**job.environment, **job.secrets}
                yield Stream.STDOUT, "".join(f"<{variables.get(name, 'unset')}>" for name in names).encode()
            case PrintArguments(words):
                yield Stream.STDOUT, "".join(f"<{word}>" for word in words).encode()
            case PrintFolder():
                yield Stream.STDOUT, (job.spec.working_directory or "/").encode()


class Injector:
    """Faults of the mock platform."""

    def __init__(self, platform: MockPlatform) -> None:
        self.platform = platform

    def refuse(self, method: str, times: int) -> None:
        self.platform.scripted_faults.add(method, TransientError("429: slow down"), times=times)

    def lose_answer(self, method: str) -> None:
        error = TransientError("the connection was cut", may_have_started=method == "launch_job")
        self.platform.scripted_faults.add(method, error, accepted=True)

    def hide_new(self, seconds: float) -> None:
        self.platform.visible_after_seconds = seconds

    def delay_output(self, seconds: float) -> None:
        self.platform.logs_after_seconds = seconds


class TestMock(ExecutorConformance):
    executor_type = MOCK
    play: ClassVar[Play] = Play()
    impossible_spec = ContainerSpec(image="alpine", command=("true",), resources=Resources(memory_mib=1024 * 1024))

    def command(self, *steps: Step) -> tuple[str, ...]:
        self.play.programs.append(steps)
        return ("play", str(len(self.play.programs) - 1))

    @pytest.fixture
    def options(self) -> Any:
        return MockOptions(platform=MockPlatform(outcome=self.play, images=[self.image]), memory_mib=4096)

    @pytest.fixture
    def faults(self, options: MockOptions) -> FaultInjector:
        assert options.platform is not None
        return Injector(options.platform)

    @pytest.fixture
    def unreachable_options(self) -> Any:
        platform = MockPlatform()
        platform.is_reachable = False
        return MockOptions(platform=platform)
