"""Why an attempt ended badly: one taxonomy for every platform."""

import signal
from enum import StrEnum

import attrs


class FailureKind(StrEnum):
    """What went wrong, whatever the platform calls it."""

    EXIT = "exit"
    """The command ran and ended with a code other than 0."""
    OUT_OF_MEMORY = "out-of-memory"
    """The platform killed the command for using more memory than its limit."""
    TIMEOUT = "timeout"
    """The job ran, waited or launched longer than it may."""
    CANCELLED = "cancelled"
    """Somebody asked for the job to be stopped."""
    IMAGE = "image"
    """The image does not exist or cannot be pulled."""
    CAPACITY = "capacity"
    """The platform had no room."""
    QUOTA = "quota"
    """An account's limit was reached."""
    CREDENTIALS = "credentials"
    """The platform or a registry refused who we are or what we may do."""
    SPEC = "spec"
    """The platform cannot run what was asked for, for example a command the image lacks."""
    POLICY = "policy"
    """The installation's own policy forbids it."""
    BUDGET = "budget"
    """It has cost, or would cost, more than it may."""
    LOST = "lost"
    """The platform no longer knows the execution."""
    PLATFORM = "platform"
    """The platform itself failed."""


INFRASTRUCTURE = frozenset({FailureKind.CAPACITY, FailureKind.LOST, FailureKind.PLATFORM})
"""Kinds that are no fault of the job: they do not use up its attempts."""


@attrs.frozen(kw_only=True)
class Failure:
    """Why an attempt ended badly.

    Attributes:
        kind: the cause, from one taxonomy for every platform.
        message: what happened, in the platform's words where it has some.
        retryable: whether trying again can help.
        hint: the remedy in one sentence, or an empty string.
    """

    kind: FailureKind
    message: str = ""
    retryable: bool = False
    hint: str = ""

    def __str__(self) -> str:
        sentence = f"{self.kind.value}: {self.message}" if self.message else self.kind.value
        return f"{sentence}; {self.hint}" if self.hint else sentence


_SIGNALLED = 128
_EXIT_HINTS = {
    126: "that is a shell's code for a command that may not be executed",
    127: "that is a shell's code for a command that was not found",
    137: "SIGKILL ended it: look whether it, or a process that it started, had too little memory",
}


def exit_failure(code: int) -> Failure:
    """Why a command that ended with this code, other than 0, failed, with what the code is known to mean.

    A shell, and an engine, tell of a signal that ended a process as 128 and its number.
    """
    message = f"the command ended with exit code {code}"
    hint = _EXIT_HINTS.get(code, "")
    if code > _SIGNALLED and not hint:
        try:
            hint = f"a signal ended it: {signal.Signals(code - _SIGNALLED).name}"
        except ValueError:
            hint = ""
    return Failure(kind=FailureKind.EXIT, message=message, retryable=True, hint=hint)
