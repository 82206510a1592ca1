"""Whether a job still is as a page shows it: a short digest of what can change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID
from zlib import crc32

from container_manager.models import ContainerJob

FIELDS = (
    "status",
    "attempt",
    "waiting",
    "cancel_requested",
    "host_name",
    "executor_type",
    "container_id",
    "external_execution_id",
    "exit_code",
    "failure_kind",
    "started_at",
    "finished_at",
    "actual_cost",
)
MOST_JOBS = 100
_DIGITS = 8
_ID_DIGITS = 32


def version_of(job: ContainerJob) -> str:
    """The digest of a job as it was read."""
    return _digest([getattr(job, name) for name in FIELDS])


def stored_versions(job_ids: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    """Status and digest of jobs as they are stored, in one query that reads nothing else."""
    rows = ContainerJob.objects.filter(pk__in=job_ids).order_by().values_list("pk", *FIELDS)
    return {row[0]: (row[1], _digest(row[1:])) for row in rows}


def write_versions(jobs: Iterable[tuple[UUID, str]]) -> str:
    """Ids with their digests, as they stand in an address."""
    return ",".join(f"{job_id.hex}{version}" for job_id, version in jobs)


def read_versions(text: str) -> Mapping[UUID, str]:
    """The same back, at most `MOST_JOBS`; what is none is left out."""
    parts = text.split(",")[:MOST_JOBS]
    return {UUID(hex=part[:_ID_DIGITS]): part[_ID_DIGITS:] for part in parts if _is_one(part)}


def _digest(values: Iterable[Any]) -> str:
    # A decimal as it was written and as it was read have different numbers of zeros.
    told = [f"{value.normalize()}" if hasattr(value, "normalize") else str(value) for value in values]
    return f"{crc32(chr(31).join(told).encode('utf-8', 'replace')):0{_DIGITS}x}"


def _is_one(text: str) -> bool:
    return len(text) == _ID_DIGITS + _DIGITS and set(text) <= set("0123456789abcdef")
