"""News for plugins: each gets it, whatever the others make of it."""

from collections.abc import Generator
from typing import Any

import pytest
from worker.simulation import Simulation

from container_manager_core.hookspecs import hookimpl
from container_manager_core.job import Job, JobStatus
from container_manager_core.plugins import Plugins


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def container_manager_job_changed(self, job: Job, previous: JobStatus | None) -> None:
        self.heard.append(job.status.value)


class Failing:
    @hookimpl
    def container_manager_job_changed(self, job: Job, previous: JobStatus | None) -> None:
        raise ValueError("a plugin's own mistake")


class Wrapping:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl(wrapper=True)
    def container_manager_job_changed(self, job: Job) -> Generator[None, object, object]:
        self.heard.append("before")
        answer = yield
        self.heard.append("after")
        return answer


def test_a_plugin_may_wrap_news_and_leave_out_what_it_does_not_need() -> None:
    wrapping, listener = Wrapping(), Listener()
    plugins: list[tuple[str, Any]] = [("wrapping", wrapping), ("listener", listener)]
    Plugins(plugins).tell("container_manager_job_changed", job=_any_job(), previous=None)
    assert wrapping.heard == ["before", "after"]
    assert listener.heard == ["pending"]


def test_a_plugin_that_fails_keeps_news_from_no_other_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    first, last = Listener(), Listener()
    plugins: list[tuple[str, Any]] = [("first", first), ("failing", Failing()), ("last", last)]
    job = _any_job()
    Plugins(plugins).tell("container_manager_job_changed", job=job, previous=None)
    assert (first.heard, last.heard) == (["pending"], ["pending"])
    assert "a plugin's own mistake" in caplog.text
    assert "plugin='failing'" in caplog.text
    assert str(job.id) in caplog.text


def _any_job() -> Job:
    world = Simulation()
    return world.job(world.submit())
