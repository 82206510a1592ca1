"""procrastinate with its psycopg connector."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status


class Procrastinate:
    """Its own worker, which ends when it has caught up with the queue; its jobs are kept. It has no batches of jobs.

    Stored of a job: arguments, and an event with its time for each change of status. A job whose worker dies is found
    by that worker's heartbeat.

    Args:
        url: of the database.
        concurrency: how many jobs it runs at a time, each with a connection of its pool.
    """

    def __init__(self, url: str, concurrency: int = 1) -> None:
        self.name = "procrastinate" if concurrency == 1 else f"procrastinate with {concurrency} jobs at a time"
        self._concurrency = concurrency
        self._queue = f"queue_{concurrency}"
        connector = PsycopgConnector(
            conninfo=f"{url}?client_encoding=utf8",  # its schema's comments are not ASCII, the server's default here is
            min_size=concurrency,
            max_size=concurrency + 2,
        )
        self._app = App(connector=connector)
        self._loop = asyncio.Runner()

        @self._app.task(queue=self._queue, name="nothing")
        async def nothing() -> None:
            """The task."""

        self._task = nothing
        self._run(self._app.open_async())
        if not self._run(self._app.check_connection_async()):
            self._run(self._app.schema_manager.apply_schema_async())

    def add(self, number: int) -> None:
        self._run(self._task.batch_defer_async(*({} for _ in range(number))))

    def work_off(self) -> None:
        options: Any = {"wait": False, "concurrency": self._concurrency, "queues": [self._queue]}
        self._run(self._app.run_worker_async(install_signal_handlers=False, listen_notify=False, **options))

    def finished(self) -> int:
        jobs = self._run(self._app.job_manager.list_jobs_async(queue=self._queue, status=Status.SUCCEEDED.value))
        return len(list(jobs))

    def close(self) -> None:
        """Give back its connections."""
        self._run(self._app.close_async())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return self._loop.run(awaited())
