"""A platform that exists only in memory, whose executions end as a script says: for tests.

    platform = MockPlatform(clock=VirtualClock(), outcome=lambda job: Outcome(exit_code=3, duration_seconds=60))
    platform.scripted_faults.add("launch_job", TransientError("cut off", may_have_started=True), accepted=True)
    options = MockOptions(platform=platform)

Executors that are made with the same platform see the same executions, as workers do that share an engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from container_manager_core.executors.mock.executor_type import MOCK
    from container_manager_core.executors.mock.faults import Call, Fault, Faults, ScriptedFaults, SeededFaults
    from container_manager_core.executors.mock.options import MockOptions
    from container_manager_core.executors.mock.outcome import Outcome, Output
    from container_manager_core.executors.mock.platform import MockExecution, MockPlatform

_HOMES = {
    "executor_type": ("MOCK",),
    "faults": ("Call", "Fault", "Faults", "ScriptedFaults", "SeededFaults"),
    "options": ("MockOptions",),
    "outcome": ("Outcome", "Output"),
    "platform": ("MockExecution", "MockPlatform"),
}

__all__ = [
    "MOCK",
    "Call",
    "Fault",
    "Faults",
    "MockExecution",
    "MockOptions",
    "MockPlatform",
    "Outcome",
    "Output",
    "ScriptedFaults",
    "SeededFaults",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
