"""Copies with changes are those that attrs makes."""

from datetime import UTC, datetime
from uuid import uuid4

import attrs
import pytest

from container_manager_core import ContainerSpec, InvalidInput, Job
from container_manager_core.evolving import evolve

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _job() -> Job:
    return Job(id=uuid4(), spec=ContainerSpec(image="any"), name="first", created_at=NOW, queued_at=NOW)


def test_a_copy_is_the_one_that_attrs_makes() -> None:
    job = _job()
    changes = {"name": "other", "priority": 7, "worker": "w"}
    assert evolve(job, **changes) == attrs.evolve(job, **changes)
    assert evolve(job) == job
    assert evolve(job) is not job
    assert job.name == "first"


def test_private_fields_are_given_by_their_public_names() -> None:
    @attrs.frozen(kw_only=True)
    class Value:
        _hidden: int
        shown: int = attrs.field(alias="seen")

    assert evolve(Value(hidden=1, seen=2), hidden=3) == Value(hidden=3, seen=2)


def test_a_change_is_checked_as_a_new_value_is() -> None:
    with pytest.raises(InvalidInput, match="image"):
        evolve(_job().spec, image="")


def test_a_field_that_is_none_of_the_class_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        evolve(_job(), colour="red")
