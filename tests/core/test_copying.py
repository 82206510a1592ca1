"""Copies of values: what `attrs.evolve` gives, whichever way they are made."""

from datetime import UTC, datetime
from uuid import uuid4

import attrs
import pytest

from container_manager_core import ContainerSpec, Job, JobStatus
from container_manager_core.copying import copy_with
from container_manager_core.job import Execution, LogPosition

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EXECUTION = Execution(attempt=1, host="h", executor="x", status=JobStatus.RUNNING, created_at=NOW, accounts=("a",))


def test_a_copy_is_what_attrs_makes_of_it_and_the_original_stays() -> None:
    job = Job(id=uuid4(), spec=ContainerSpec(image="alpine"), created_at=NOW, queued_at=NOW)
    before = attrs.evolve(job)
    copy = copy_with(job, status=JobStatus.LAUNCHING, attempt=1, execution=EXECUTION)
    assert copy == attrs.evolve(job, status=JobStatus.LAUNCHING, attempt=1, execution=EXECUTION)
    assert job == before
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        copy.status = JobStatus.RUNNING  # type: ignore[misc]
    assert copy_with(copy, status=JobStatus.PENDING, attempt=0, execution=None) == job


def test_a_field_is_converted_as_it_is_at_first() -> None:
    assert copy_with(EXECUTION, accounts=["b", "c"]).accounts == ("b", "c")  # type: ignore[arg-type]


def test_a_class_with_slots_is_copied_too() -> None:
    assert copy_with(LogPosition(cursor="1"), skip_stdout=2) == LogPosition(cursor="1", skip_stdout=2)


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="exit_kode"):
        copy_with(EXECUTION, exit_kode=1)
