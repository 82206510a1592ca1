"""The options of a host on the mock platform."""

from typing import TYPE_CHECKING, Any

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.failure import FailureKind
from container_manager_core.streams import Stream
from container_manager_core.validation import require_integer, require_number

if TYPE_CHECKING:
    from container_manager_core.executors.mock.outcome import Outcome


def _require_platform(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    from container_manager_core.executors.mock.platform import MockPlatform

    if not isinstance(value, MockPlatform):
        raise InvalidInput(attribute.name, f"{value!r} is no MockPlatform", "make one in Python, or leave it out")


@attrs.frozen(kw_only=True)
class MockOptions:
    """The options of a host on the mock platform: what becomes of every job that its labels say nothing of.

    Attributes:
        exit_code: of the command.
        duration_seconds: how long it runs.
        stdout, stderr: what it writes at its start.
        failure: how it fails, a failure's kind; None is not at all.
        start_delay_seconds: time between launch and start.
        stop_seconds: time between a polite stop and the end.
        capacity: most executions at once; None is any number.
        memory_mib: the largest memory that a job may ask for; None is any.
        images: the images that exist; None is all.
        idempotent_launch: whether the platform itself refuses to start an attempt twice.
        platform: a `MockPlatform` that was made and scripted in Python and may be shared by several executors; the
            options above then count for nothing. A configuration file cannot name one.
    """

    exit_code: int = 0
    duration_seconds: float = 0.0
    stdout: str = ""
    stderr: str = ""
    failure: FailureKind | None = attrs.field(default=None, converter=attrs.converters.optional(FailureKind))
    start_delay_seconds: float = 0.0
    stop_seconds: float = 0.0
    capacity: int | None = None
    memory_mib: int | None = None
    images: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(tuple))
    idempotent_launch: bool = True
    platform: Any = attrs.field(default=None, repr=False, validator=attrs.validators.optional(_require_platform))

    def __attrs_post_init__(self) -> None:
        require_integer("exit_code", self.exit_code, 0, 255, "")
        for place in ("duration_seconds", "start_delay_seconds", "stop_seconds"):
            require_number(place, getattr(self, place), 0, float("inf"), "seconds")
        require_integer("capacity", self.capacity, 0, 1_000_000_000, "executions")
        require_integer("memory_mib", self.memory_mib, 4, 16 * 1024 * 1024, "MiB")

    @property
    def outcome(self) -> "Outcome":
        """What becomes of every job."""
        from container_manager_core.executors.mock.outcome import Outcome

        outcome = Outcome(
            exit_code=self.exit_code,
            duration_seconds=self.duration_seconds,
            start_delay_seconds=self.start_delay_seconds,
            stop_seconds=self.stop_seconds,
        )
        for text, stream in ((self.stdout, Stream.STDOUT), (self.stderr, Stream.STDERR)):
            outcome = outcome.writing(text, stream) if text else outcome
        return outcome.failing(self.failure) if self.failure else outcome
