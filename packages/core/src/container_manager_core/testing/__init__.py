"""Conformance suites for plugins, and the doubles that tests use. Needs the extra ``testing``."""

import pytest

for _suite in ("executor_kit", "executor_cases", "executors", "store_kit", "store_cases", "stores"):
    pytest.register_assert_rewrite(f"{__name__}.{_suite}")

from container_manager_core.executors.mock import MockOptions, MockPlatform, Outcome, Output  # noqa: E402
from container_manager_core.testing.case import needs, overrides  # noqa: E402
from container_manager_core.testing.executor_cases.fault import FaultInjector  # noqa: E402
from container_manager_core.testing.executors import ExecutorConformance  # noqa: E402
from container_manager_core.testing.program import (  # noqa: E402
    Burn,
    ChildTick,
    Exit,
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
    render_shell,
)
from container_manager_core.testing.stores import StoreConformance  # noqa: E402

__all__ = [
    "Burn",
    "ChildTick",
    "ExecutorConformance",
    "Exit",
    "FaultInjector",
    "Flood",
    "Hoard",
    "IgnoreTermination",
    "MockOptions",
    "MockPlatform",
    "OnTermination",
    "Outcome",
    "Output",
    "Pause",
    "PrintArguments",
    "PrintFolder",
    "PrintVariables",
    "Say",
    "Step",
    "StoreConformance",
    "Tick",
    "needs",
    "overrides",
    "render_shell",
]
