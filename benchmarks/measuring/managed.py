"""A manager with one engine, and word of every job that it has finished."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from container_manager_core import Config, ContainerManager, Host, Job, Plugins, WorkerSettings
from container_manager_core.hookspecs import hookimpl

WAIT_SECONDS = 60.0


@contextmanager
def manager_of(base_url: str, width: int = 8, plugin: object = None) -> Iterator[ContainerManager]:
    """A manager on a SQLite store, with this engine as its only host.

    Args:
        base_url: of the engine.
        width: how many jobs run at a time.
        plugin: implements hooks.
    """
    with tempfile.TemporaryDirectory() as folder:
        host = Host(name="local", executor="docker", max_concurrent_jobs=width, config={"base_url": base_url})
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=width),
            hosts={"local": host},
        )
        plugins = Plugins.load(also=[("benchmark", plugin)] if plugin else [])
        with ContainerManager(config, plugins=plugins) as manager:
            yield manager


class Ends:
    """Hears of every job that has ended, as soon as that is stored."""

    def __init__(self) -> None:
        self._heard: SimpleQueue[tuple[str, float]] = SimpleQueue()

    @hookimpl
    def container_manager_job_changed(self, job: Job) -> None:
        if job.status.is_terminal and job.execution is not None:
            self._heard.put((job.execution.execution_id or "", time.time()))

    def next(self) -> tuple[str, float]:
        """The execution of the next one, and when that was; waits for it."""
        return self._heard.get(timeout=WAIT_SECONDS)
