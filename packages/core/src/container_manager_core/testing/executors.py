"""The conformance suite for executors: subclass it, name the type, and pytest runs every case that concerns it.

    class TestMyExecutor(ExecutorConformance):
        executor_type = MY_EXECUTOR_TYPE
        image = "busybox"

        @pytest.fixture
        def options(self):
            return MyOptions(endpoint="http://localhost:4000")

A case that needs a capability which the type does not declare is left out, and the table at the end says
so. A case can be replaced only with ``@overrides(reason="...")``; taking one away is an error.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

import pytest

from container_manager_core.executor import Capability
from container_manager_core.testing.case import cases_of, left_out_of, overridden_in, select_cases
from container_manager_core.testing.executor_cases.cancel import CancelCases
from container_manager_core.testing.executor_cases.cleanup import CleanupCases
from container_manager_core.testing.executor_cases.fault import FaultCases
from container_manager_core.testing.executor_cases.host import HostCases
from container_manager_core.testing.executor_cases.launch import LaunchCases
from container_manager_core.testing.executor_cases.output import OutputCases
from container_manager_core.testing.executor_cases.secrecy import SecrecyCases
from container_manager_core.testing.executor_cases.state import StateCases

_PRINTED = pytest.StashKey[bool]()


class ExecutorConformance(
    LaunchCases, OutputCases, StateCases, CancelCases, CleanupCases, HostCases, FaultCases, SecrecyCases
):
    """Every case that an executor must pass. See `ExecutorKit` for the facts that an author gives."""

    CASES: ClassVar[Mapping[str, Callable[..., Any]]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        overridden_in(cls, ExecutorConformance, ExecutorConformance.CASES)
        if hasattr(cls, "executor_type"):
            capabilities = cls.executor_type.capabilities
            select_cases(cls, ExecutorConformance, ExecutorConformance.CASES, capabilities)

    @pytest.fixture(autouse=True)
    def _table_at_the_end(self, request: pytest.FixtureRequest) -> None:
        node = request.node.getparent(pytest.Class)
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        if node is None or reporter is None or node.stash.get(_PRINTED, False):
            return
        node.stash[_PRINTED] = True
        capture = request.config.pluginmanager.get_plugin("capturemanager")

        def show() -> None:
            with capture.global_and_fixture_disabled() if capture else nullcontext():
                reporter.write_line("\n" + capability_table(type(self)))

        node.addfinalizer(show)

    def test_no_case_is_taken_away(self) -> None:
        """Every case is there, left out for a capability that is not declared, or replaced with a reason."""
        left_out = left_out_of(type(self))
        missing = [
            name
            for name in EXECUTOR_CASES
            if not callable(getattr(ExecutorConformance, name, None))
            or (name not in left_out and not callable(getattr(type(self), name, None)))
        ]
        assert missing == [], f"taken away from the suite: {missing}"
        overridden_in(type(self), ExecutorConformance, EXECUTOR_CASES)


EXECUTOR_CASES: Mapping[str, Callable[..., Any]] = cases_of(ExecutorConformance)
"""Every case of `ExecutorConformance`, by name."""

ExecutorConformance.CASES = EXECUTOR_CASES


def capability_table(cls: type[ExecutorConformance]) -> str:
    """What the executor under test declares, which cases do not concern it, and which its author replaced."""
    executor_type = cls.executor_type
    lines = [f"Executor {executor_type.name} ({executor_type.title})"]
    lines += [
        f"  {capability.value:<20} {'yes' if capability in executor_type.capabilities else 'no'}"
        for capability in sorted(Capability)
    ]
    left_out, replaced = left_out_of(cls), overridden_in(cls, ExecutorConformance, EXECUTOR_CASES)
    lines.append(f"  {len(EXECUTOR_CASES) - len(left_out)} of {len(EXECUTOR_CASES)} cases concern it")
    lines += [f"  left out: {name}: {reason}" for name, reason in sorted(left_out.items())]
    lines += [f"  replaced: {name}: {reason}" for name, reason in sorted(replaced.items())]
    return "\n".join(lines)
