"""Exit codes of `run`, and the words beside them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from container_manager_core.cli.exits import exit_code, explanation
from container_manager_core.failure import Failure, FailureKind
from container_manager_core.job import Job, JobStatus
from container_manager_core.spec import ContainerSpec

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def finished(status: JobStatus, kind: FailureKind | None = None, code: int | None = None) -> Job:
    failure = Failure(kind=kind, message="what happened", hint="what to do") if kind else None
    spec = ContainerSpec(image="alpine")
    return Job(id=uuid4(), spec=spec, created_at=NOW, queued_at=NOW, status=status, failure=failure, exit_code=code)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (finished(JobStatus.COMPLETED, code=0), 0),
        (finished(JobStatus.FAILED, FailureKind.EXIT, 3), 3),
        (finished(JobStatus.FAILED, FailureKind.EXIT, 125), 125),
        (finished(JobStatus.FAILED, FailureKind.EXIT, 139), 139),
        (finished(JobStatus.FAILED, FailureKind.EXIT, 3221225477), 1),
        (finished(JobStatus.FAILED, FailureKind.EXIT, None), 1),
        (finished(JobStatus.TIMEOUT, FailureKind.TIMEOUT, 137), 124),
        (finished(JobStatus.CANCELLED, FailureKind.CANCELLED, 143), 130),
        (finished(JobStatus.FAILED, FailureKind.OUT_OF_MEMORY, 0), 137),
        (finished(JobStatus.FAILED, FailureKind.IMAGE), 125),
        (finished(JobStatus.FAILED, FailureKind.SPEC, 127), 125),
        (finished(JobStatus.FAILED, FailureKind.LOST), 125),
    ],
)
def test_exit_code_of_a_finished_job(job: Job, expected: int) -> None:
    assert exit_code(job) == expected


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.EXIT])
def test_explanation_says_what_happened_and_what_to_do(kind: FailureKind) -> None:
    job = finished(JobStatus.FAILED, kind)
    assert explanation(job).startswith(f"job {str(job.id)[:8]} ")
    assert explanation(job).endswith(": what happened; what to do")


def test_a_commands_own_exit_code_needs_no_words() -> None:
    assert explanation(finished(JobStatus.FAILED, FailureKind.EXIT, 3)) == ""
    assert explanation(finished(JobStatus.COMPLETED, code=0)) == ""
