"""The suite itself: it finds what is broken, and nothing can be taken out of it in silence."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from container_manager_core.executor import Capability
from container_manager_core.executors.mock import MOCK
from container_manager_core.executors.process import PROCESS
from container_manager_core.testing import ExecutorConformance, overrides
from container_manager_core.testing.case import left_out_of
from container_manager_core.testing.executors import EXECUTOR_CASES, capability_table

HEADER = """
import attrs, pytest
from container_manager_core.executor import *
from container_manager_core.executors.process import PROCESS, ProcessOptions
from container_manager_core.executors.process.executor import ProcessExecutor
from container_manager_core.testing import ExecutorConformance
"""
SABOTAGED = """
class Sabotaged{number}(ProcessExecutor):
{sabotage}

class Test{number}(ExecutorConformance):
    executor_type = attrs.evolve(PROCESS, factory=Sabotaged{number})
    timeout_seconds = 3

    @pytest.fixture
    def options(self, tmp_path):
        return ProcessOptions(state_folder=str(tmp_path))
"""
SABOTAGES = {
    "test_exit_code_is_the_commands": """
    def check_status(self, execution_id):
        state = super().check_status(execution_id)
        return attrs.evolve(state, exit_code=0) if state.has_ended else state
""",
    "test_launching_again_after_the_end_never_restarts": """
    def launch_job(self, job):
        if self.check_status(job.name).has_ended:
            self.cleanup(job.name)
        return super().launch_job(job)
""",
    "test_a_lost_lease_starts_nothing": """
    def launch_job(self, job):
        return super().launch_job(attrs.evolve(job, confirm_lease=lambda: math.inf))
""",
    "test_streams_are_told_apart": """
    def read_logs(self, execution_id, cursor="", *, limit=1048576):
        page = super().read_logs(execution_id, cursor, limit=limit)
        return attrs.evolve(page, chunks=tuple(LogChunk(Stream.STDOUT, chunk.data) for chunk in page.chunks))
""",
    "test_cancel_blocks_until_the_end": """
    def cancel(self, execution_id, grace_seconds):
        pass
""",
    "test_cleanup_leaves_nothing": """
    def cleanup(self, execution_id):
        self.cancel(execution_id, 0)
""",
    "test_secrets_are_in_no_answer": """
    def launch_job(self, job):
        return attrs.evolve(super().launch_job(job), metadata=dict(job.secrets))
""",
    "test_an_end_is_told_at_once": """
    def events(self, stopped):
        yield ExecutionEvent()
        stopped.wait()
""",
}

INTEGRITY = "test_it.py::Test0::test_no_case_is_taken_away"


def run_suite(folder: Path, text: str, wanted: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *wanted],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the suite says of each sabotage, its own case alone being run."""
    numbered = list(enumerate(SABOTAGES.items()))
    text = HEADER + "".join(SABOTAGED.format(number=number, sabotage=each) for number, (_, each) in numbered)
    wanted = [f"test_it.py::Test{number}::{case}" for number, (case, _) in numbered]
    return run_suite(tmp_path_factory.mktemp("sabotaged"), text, wanted).stdout


@pytest.mark.parametrize(("number", "case"), list(enumerate(SABOTAGES)))
def test_what_is_broken_is_found(findings: str, number: int, case: str) -> None:
    assert f"FAILED test_it.py::Test{number}::{case}" in findings, findings


def test_the_table_is_printed_at_the_end(tmp_path: Path) -> None:
    done = run_suite(tmp_path, HEADER + SABOTAGED.format(number=0, sabotage="    pass"), [INTEGRITY])
    assert done.returncode == 0, done.stdout
    assert "Executor process" in done.stdout
    assert "left out: test_a_missing_image_is_told: images not declared" in done.stdout


def test_a_case_cannot_be_replaced_without_a_reason() -> None:
    with pytest.raises(TypeError, match=r"Sneaky.test_no_output_is_empty replaces a case .* without saying why"):

        class Sneaky(ExecutorConformance):
            executor_type = MOCK

            def test_no_output_is_empty(self) -> None:  # type: ignore[override]
                pass


def test_a_case_cannot_be_taken_away() -> None:
    with pytest.raises(TypeError, match=r"Shorter\.test_no_output_is_empty replaces a case"):
        type("Shorter", (ExecutorConformance,), {"executor_type": MOCK, "test_no_output_is_empty": None})


def test_a_mixin_cannot_replace_a_case_either() -> None:
    mixin = type("Mixin", (), {"test_no_output_is_empty": lambda self: None})
    with pytest.raises(TypeError, match=r"Mixin\.test_no_output_is_empty replaces a case"):
        type("Mixed", (mixin, ExecutorConformance), {"executor_type": MOCK})


def test_a_case_that_was_deleted_from_the_suite_is_missed(tmp_path: Path) -> None:
    text = (
        HEADER
        + SABOTAGED.format(number=0, sabotage="    pass")
        + (
            "from container_manager_core.testing.executor_cases.output import OutputCases\n"
            "del OutputCases.test_no_output_is_empty\n"
        )
    )
    done = run_suite(tmp_path, text, [INTEGRITY])
    assert done.returncode == 1
    assert "taken away from the suite: ['test_no_output_is_empty']" in done.stdout


def test_a_replaced_case_is_in_the_table_with_its_reason() -> None:
    class Honest(ExecutorConformance):
        executor_type = MOCK

        @overrides(reason="this platform has no output at all")
        def test_no_output_is_empty(self) -> None:  # type: ignore[override]
            pass

    assert "replaced: test_no_output_is_empty: this platform has no output at all" in capability_table(Honest)


@pytest.mark.parametrize("reason", ["", "flaky", "does not"])
def test_a_reason_is_a_sentence(reason: str) -> None:
    with pytest.raises(ValueError, match="is no reason"):
        overrides(reason=reason)


def test_a_case_without_its_capability_is_left_out_with_the_reason() -> None:
    class Process(ExecutorConformance):
        executor_type = PROCESS

    assert Capability.IMAGES not in PROCESS.capabilities
    assert left_out_of(Process)["test_a_missing_image_is_told"] == "images not declared"
    assert left_out_of(Process)["test_a_launch_without_an_answer_is_transient"] == "unreachable_options not given"
    assert Process.test_a_missing_image_is_told is None


def test_a_subclass_with_more_capabilities_gets_its_cases_back() -> None:
    class Process(ExecutorConformance):
        executor_type = PROCESS

    class Mock(Process):
        executor_type = MOCK

    assert callable(Mock.test_a_missing_image_is_told)
    assert "test_a_missing_image_is_told" not in left_out_of(Mock)


def test_there_are_at_least_fifty_cases() -> None:
    assert len(EXECUTOR_CASES) >= 50
