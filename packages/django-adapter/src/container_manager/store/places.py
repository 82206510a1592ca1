"""Places on hosts, counted while no other transaction takes one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from container_manager.store.rows import JOBS, uuid_of
from container_manager.store.sql import among, insert_missing
from container_manager_core.job import LIVE, Job, JobStatus
from container_manager_core.store.protocol import Record

LIVE_HERE = f"status IN ({', '.join(repr(status.value) for status in sorted(LIVE))})"
"""Which jobs have a place."""

_LOCKS = "container_manager_hostlock"


class Places:
    """The places that are taken on each host that a record would take one of.

    Args:
        connection: in a transaction.
        cursor: runs the statements.
        records: all that will be written.
    """

    def __init__(self, connection: Any, cursor: Any, records: Sequence[Record]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._live: dict[str, int] = {}
        self._places: dict[UUID, str] = {}
        hosts = sorted({record.job.host for record in records if record.capacity is not None and record.job.host})
        if hosts:
            self._lock(hosts)
            self._count(hosts, [record.job.id for record in records])

    def has_room(self, record: Record) -> bool:
        """Whether a record may take its place: beside this job there are fewer than its capacity."""
        job = record.job
        if record.capacity is None or job.status is not JobStatus.LAUNCHING:
            return True
        return self._live[job.host or ""] - (self._places.get(job.id) == job.host) < record.capacity

    def move(self, job: Job) -> str | None:
        """Let a job take and leave places as its new state says; the host whose place it had, if any."""
        left = self._places.pop(job.id, None)
        if left is not None:
            self._live[left] -= 1
        if job.status.is_live and job.host in self._live:
            self._live[job.host] += 1
            self._places[job.id] = job.host
        return left

    def move_back(self, job: Job, left: str | None) -> None:
        """Undo the same."""
        taken = self._places.pop(job.id, None)
        if taken is not None:
            self._live[taken] -= 1
        if left is not None:
            self._live[left] += 1
            self._places[job.id] = left

    def _count(self, hosts: Sequence[str], job_ids: Sequence[UUID]) -> None:
        ids = list(set(job_ids))
        on_hosts, hosts_given = among(self._connection, "host_name", hosts, "text")
        of_ours, ids_given = among(self._connection, "id", ids, "uuid")
        # Of each host how many there are, and which of the batch's own: in one statement, whatever the database.
        live = f"FROM {JOBS} WHERE {on_hosts} AND {LIVE_HERE}"
        self._cursor.execute(
            f"SELECT host_name, id, 0 {live} AND {of_ours}"
            f" UNION ALL SELECT host_name, NULL, count(*) {live} GROUP BY host_name",
            [*hosts_given, *ids_given, *hosts_given],
        )
        self._live = dict.fromkeys(hosts, 0)
        for host, job_id, count in self._cursor.fetchall():
            if job_id is None:
                self._live[host] = count
            else:
                self._places[uuid_of(job_id)] = host

    def _lock(self, hosts: Sequence[str]) -> None:
        if self._connection.vendor == "postgresql":
            self._cursor.execute(*host_locks(hosts))
        elif self._connection.vendor == "mysql":
            statement = insert_missing("mysql", _LOCKS, {"host": "%s"}, "host")
            for host in hosts:
                self._cursor.execute(statement, [host])


def host_locks(hosts: Sequence[str]) -> tuple[str, list[str]]:
    """What locks the hosts' places on PostgreSQL until the transaction ends: a statement and its values.

    Args:
        hosts: in order, as everybody locks them.
    """
    locks = ", ".join(["pg_advisory_xact_lock(hashtextextended(%s, 0))"] * len(hosts))
    return f"SELECT {locks}", [f"container_manager {host}" for host in hosts]
