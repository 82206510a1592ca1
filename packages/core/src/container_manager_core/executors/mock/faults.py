"""What goes wrong between an executor and the mock platform."""

import random
import threading
from collections.abc import Callable, Iterable

import attrs

from container_manager_core.errors import ExecutorError, TransientError

METHODS = (
    "launch_job",
    "find_execution",
    "check_status",
    "check_statuses",
    "read_logs",
    "get_usage",
    "cancel",
    "cleanup",
    "check_health",
    "list_owned",
    "events",
)


@attrs.frozen(kw_only=True)
class Call:
    """A call that an executor is about to make.

    Attributes:
        method: the executor's method.
        name: the execution's name or id; empty for a call about none or many.
        number: 1 for the first call of the method with that name.
    """

    method: str
    name: str
    number: int


@attrs.frozen(kw_only=True)
class Fault:
    """What goes wrong with a call.

    Attributes:
        error: what the caller gets; None only delays.
        accepted: whether the platform does what was asked all the same, so that only the answer is lost.
        delay_seconds: how long the call takes before anything else happens.
    """

    error: ExecutorError | None = None
    accepted: bool = False
    delay_seconds: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.error is None and self.delay_seconds <= 0:
            raise ValueError("a fault without an error and without a delay is none")


Faults = Callable[[Call], Fault | None]
"""Decides for each call what goes wrong with it, if anything. Called from several threads."""


class ScriptedFaults:
    """Faults that a test adds one by one; each strikes as often as it says, the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, str, Fault, int]] = []

    def add(
        self,
        method: str,
        error: ExecutorError | None = None,
        *,
        name: str = "",
        times: int = 1,
        accepted: bool = False,
        delay_seconds: float = 0.0,
    ) -> None:
        """Let the next calls go wrong.

        Args:
            method: of the executor; ``*`` is any.
            error: see `Fault`.
            name: of the execution; empty is any.
            times: how often.
            accepted: see `Fault`.
            delay_seconds: see `Fault`.

        Raises:
            ValueError: no such method.
        """
        if method not in (*METHODS, "*"):
            raise ValueError(f"{method!r} is no method that can fail; use '*' or one of {', '.join(METHODS)}")
        fault = Fault(error=error, accepted=accepted, delay_seconds=delay_seconds)
        with self._lock:
            self._waiting.append((method, name, fault, times))

    def __call__(self, call: Call) -> Fault | None:
        with self._lock:
            for position, (method, name, fault, times) in enumerate(self._waiting):
                if method in (call.method, "*") and name in (call.name, ""):
                    self._waiting[position : position + 1] = [(method, name, fault, times - 1)] if times > 1 else []
                    return fault
        return None


class SeededFaults:
    """Chance, the same for the same seed: whether a call fails depends on nothing but the seed and the call.

    Args:
        seed: of the chance.
        probability: 0 to 1, that a call goes wrong.
        methods: the methods that can.
        accepted: 0 to 1, that the platform did what was asked when a call goes wrong.
    """

    def __init__(
        self, seed: int, probability: float, *, methods: Iterable[str] = METHODS, accepted: float = 0.5
    ) -> None:
        self._seed = seed
        self._probability = probability
        self._methods = frozenset(methods)
        self._accepted = accepted

    def __call__(self, call: Call) -> Fault | None:
        if call.method not in self._methods:
            return None
        chance = random.Random(f"{self._seed}/{call.method}/{call.name}/{call.number}")
        if chance.random() >= self._probability:
            return None
        accepted = chance.random() < self._accepted
        message = f"{call.method} number {call.number}: the answer was lost (seed {self._seed})"
        error = TransientError(message, may_have_started=call.method == "launch_job")
        return Fault(error=error, accepted=accepted)
