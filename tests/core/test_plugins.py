"""News for plugins: each gets it, whatever the others make of it."""

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


def test_a_plugin_that_fails_keeps_news_from_no_other_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    first, last = Listener(), Listener()
    plugins: list[tuple[str, Any]] = [("first", first), ("failing", Failing()), ("last", last)]
    job = _any_job()
    Plugins(plugins).tell("container_manager_job_changed", job=job, previous=None)
    assert (first.heard, last.heard) == (["pending"], ["pending"])
    assert "a plugin's own mistake" in caplog.text
    assert str(job.id) in caplog.text


def _any_job() -> Job:
    world = Simulation()
    return world.job(world.submit())
