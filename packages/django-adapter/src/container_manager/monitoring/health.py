"""Whether the whole works: database, workers, hosts."""

from collections.abc import Sequence
from typing import Any

import attrs
from django.db import DatabaseError

from container_manager import conf
from container_manager.monitoring.readings import HostReading, Queue, count_workers, read_hosts, read_queue
from container_manager_core.errors import InvalidInput


@attrs.frozen(kw_only=True)
class Health:
    """What was found.

    Attributes:
        problems: what keeps jobs from running, each in a sentence; none when all is well.
        database: whether it answers and has the tables.
        workers: how many live; None without the database.
        queue: the jobs that wait; None without the database.
        hosts: each as its latest checks left it.
    """

    problems: Sequence[str]
    database: bool
    workers: int | None = None
    queue: Queue | None = None
    hosts: Sequence[HostReading] = ()

    def as_plain(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "problems": list(self.problems),
            "database": "ok" if self.database else "failing",
            "workers": self.workers,
            "waiting": self.queue and {"ready": self.queue.ready, "scheduled": self.queue.scheduled},
            "oldest_waiting_seconds": self.queue and self.queue.oldest_seconds,
            "hosts": {host.name: _plain_host(host) for host in self.hosts},
        }


def read_health() -> Health:
    """How the whole is, as the database tells. Raises `ConfigurationError` for settings that are wrong."""
    database = conf.manager_settings().database
    try:
        queue, workers = read_queue(database), count_workers(database)
        hosts = read_hosts(database)
    except DatabaseError as error:
        return Health(problems=[f"the database {database!r} cannot be read: {_line(error)}"], database=False)
    except InvalidInput as error:
        return Health(problems=[str(error)], database=True, workers=workers, queue=queue)
    live = sum(sum(host.live.values()) for host in hosts)
    problems = [*_worker_problems(workers, queue.ready + live), *_host_problems(hosts)]
    return Health(problems=problems, database=True, workers=workers, queue=queue, hosts=hosts)


def _worker_problems(workers: int, unfinished: int) -> Sequence[str]:
    if workers or not unfinished:
        return []
    jobs = "1 job waits" if unfinished == 1 else f"{unfinished} jobs wait"
    return [f"no worker is alive and {jobs} for one; start 'manage.py process_container_jobs'"]


def _host_problems(hosts: Sequence[HostReading]) -> Sequence[str]:
    active = [host for host in hosts if host.is_active]
    if not active:
        return ["no host is active, so no job can start; activate one"]
    if all(host.is_healthy is False for host in active):
        said = "; ".join(f"{host.name}: {host.message}" for host in active)
        return [f"no active host answers ({said})"]
    return []


def _plain_host(host: HostReading) -> dict[str, Any]:
    words = {True: "ok", False: "failing", None: "unknown"}
    return {
        "executor": host.executor,
        "active": host.is_active,
        "health": words[host.is_healthy],
        "message": host.message,
        "checked_at": host.checked_at.isoformat() if host.checked_at else None,
        "jobs": sum(host.live.values()),
        "capacity": host.capacity,
    }


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
