"""Jobs of a Django project in any status, moved there by the core's own lifecycle."""

from typing import Any

import attrs

from container_manager_core import lifecycle
from container_manager_core.executor import Stream
from container_manager_core.failure import Failure
from container_manager_core.host import Host
from container_manager_core.job import Job, JobStatus, Route
from container_manager_core.store.protocol import Claim, Record, StoredLog

WORKER = "a worker of the tests"


def run_to(
    row: Any,
    status: str,
    *,
    failure: Failure | None = None,
    stdout: bytes = b"",
    stderr: bytes = b"",
    metadata: dict[str, Any] | None = None,
) -> None:
    """Move a pending job to a status as a worker does, with output of its only attempt."""
    from container_manager.manager import get_manager

    manager = get_manager()
    store, now = manager.store, manager.clock.now()
    store.heartbeat(WORKER, 60)
    [job] = store.claim(Claim(worker=WORKER, limit=1, only_jobs=frozenset({row.pk})))
    if status == JobStatus.LAUNCHING.value:
        _write(store, job, lifecycle.launching(job, _host(row), Route(host=_host(row).name, reason="for a test"), now))
        return
    launching = lifecycle.launching(job, _host(row), Route(host=_host(row).name, reason="for a test"), now)
    running = lifecycle.running(launching, "an id", now, metadata or {})
    logs = [
        StoredLog(stream=stream, offset=0, data=data)
        for stream, data in ((Stream.STDOUT, stdout), (Stream.STDERR, stderr))
        if data
    ]
    _write(store, job, launching)
    _write(store, launching, running, logs)
    if status != JobStatus.RUNNING.value:
        ended = lifecycle.finished(running, JobStatus(status), now, failure)
        assert ended.execution is not None
        ended = attrs.evolve(ended, execution=attrs.evolve(ended.execution, cleaned=True))
        _write(store, running, ended)
        store.release(WORKER)
    row.refresh_from_db()


def _write(store: Any, before: Job, after: Job, logs: Any = ()) -> None:
    outcome = store.record_many([Record(job=after, expect=before.status, logs=tuple(logs))])
    assert outcome[0] == "stored", outcome


def _host(row: Any) -> Host:
    return Host(name=row.docker_host_id or "local", executor="docker")
