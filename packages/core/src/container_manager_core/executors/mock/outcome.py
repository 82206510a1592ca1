"""What becomes of an execution on the mock platform."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from container_manager_core.errors import CapacityError, ExecutorError, PermanentError
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.streams import Stream

if TYPE_CHECKING:
    from container_manager_core.job import Usage

PREFIX = "mock."
_REFUSED = frozenset({FailureKind.IMAGE, FailureKind.QUOTA, FailureKind.CREDENTIALS, FailureKind.SPEC})


@attrs.frozen(kw_only=True)
class Output:
    """Something that the command writes.

    Attributes:
        data: the bytes.
        stream: where to.
        at_seconds: when, counted from its start.
    """

    data: bytes
    stream: Stream = Stream.STDOUT
    at_seconds: float = 0.0


def _in_order(output: Iterable[Output]) -> tuple[Output, ...]:
    return tuple(sorted(output, key=lambda each: each.at_seconds))


@attrs.frozen(kw_only=True)
class Outcome:
    """What becomes of an execution.

    Attributes:
        exit_code: of the command; None for one that never had any.
        duration_seconds: how long it runs; ``float("inf")`` is for ever.
        output: what it writes, in order; what is due after the end is never written.
        usage: what `get_usage` tells after the start.
        failure: the platform's reason beside the exit code, for example an out-of-memory kill.
        refusal: the error of the launch; nothing is started.
        start_delay_seconds: time between the launch and the start.
        stop_seconds: time between the polite stop and the end; ``float("inf")`` ignores the stop.
        stop_exit_code: the exit code after a polite stop.
        stop_output: what it writes when it is stopped politely; the times do not count.
        lost_after_seconds: when the platform forgets it, counted from the launch.
    """

    exit_code: int | None = 0
    duration_seconds: float = 0.0
    output: tuple[Output, ...] = attrs.field(default=(), converter=_in_order)
    usage: "Usage | None" = None
    failure: Failure | None = None
    refusal: ExecutorError | None = None
    start_delay_seconds: float = 0.0
    stop_seconds: float = 0.0
    stop_exit_code: int = 143
    stop_output: tuple[Output, ...] = attrs.field(default=(), converter=_in_order)
    lost_after_seconds: float | None = None

    def failing(self, kind: FailureKind) -> "Outcome":
        """The same, ending badly in the way that fits the kind: refused at launch, or failed after a run."""
        message = f"the script of the mock platform says {kind.value}"
        if kind is FailureKind.CAPACITY:
            return attrs.evolve(self, refusal=CapacityError(message))
        if kind in _REFUSED:
            return attrs.evolve(self, refusal=PermanentError(message, kind, "change the script"))
        if kind is FailureKind.EXIT:
            return attrs.evolve(self, exit_code=self.exit_code or 1)
        if kind is FailureKind.LOST:
            return attrs.evolve(self, lost_after_seconds=self.duration_seconds)
        code = 137 if kind is FailureKind.OUT_OF_MEMORY else None
        return attrs.evolve(self, exit_code=code, failure=Failure(kind=kind, message=message))

    def writing(self, text: str, stream: Stream) -> "Outcome":
        """The same, with text written at the start."""
        return attrs.evolve(self, output=(*self.output, Output(data=text.encode(), stream=stream)))

    def labelled(self, labels: Mapping[str, str]) -> "Outcome":
        """The same, changed as the labels ``mock.exit_code``, ``mock.stdout`` and so on say.

        Raises:
            PermanentError: a label that begins with ``mock.`` and cannot be understood.
        """
        outcome = self
        for name, text in labels.items():
            if name.startswith(PREFIX):
                outcome = _changed(outcome, name, text)
        return outcome


def _number(field: str) -> Callable[[Outcome, str], Outcome]:
    return lambda outcome, text: _evolved(outcome, field, float(text))


def _evolved(outcome: Outcome, field: str, value: Any) -> Outcome:
    return attrs.evolve(outcome, **{field: value})


_LABELS: Mapping[str, Callable[[Outcome, str], Outcome]] = {
    "exit_code": lambda outcome, text: _evolved(outcome, "exit_code", int(text)),
    "failure": lambda outcome, text: outcome.failing(FailureKind(text)),
    "stdout": lambda outcome, text: outcome.writing(text, Stream.STDOUT),
    "stderr": lambda outcome, text: outcome.writing(text, Stream.STDERR),
    "duration_seconds": _number("duration_seconds"),
    "start_delay_seconds": _number("start_delay_seconds"),
    "stop_seconds": _number("stop_seconds"),
    "lost_after_seconds": _number("lost_after_seconds"),
}


def _changed(outcome: Outcome, name: str, text: str) -> Outcome:
    change = _LABELS.get(name.removeprefix(PREFIX))
    if change is None:
        known = ", ".join(f"{PREFIX}{field}" for field in _LABELS)
        raise PermanentError(
            f"labels[{name!r}]: the mock executor knows no such label", FailureKind.SPEC, f"use {known}"
        )
    try:
        return change(outcome, text)
    except ValueError as error:
        raise PermanentError(
            f"labels[{name!r}]: {text!r} cannot be used: {error}", FailureKind.SPEC, "write a value of its kind"
        ) from error
