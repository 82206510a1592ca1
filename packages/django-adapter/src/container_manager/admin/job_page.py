"""The page of a job: how it is, why it failed, its output, its attempts and its route; and the live fragment of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from container_manager.admin.amounts import NOTHING, bytes_text, duration_text, money_text
from container_manager.admin.badges import badge
from container_manager.admin.bars import bar
from container_manager.admin.output import Piece, read_piece
from container_manager.manager import get_manager
from container_manager.models import ContainerExecution, ContainerJob
from container_manager_core.executor import Stream
from container_manager_core.job import JobStatus

WATCH = timedelta(seconds=10)
"""So long a worker takes the output over at once after somebody looked at it."""

_MIB = 1024 * 1024


def panel(job: ContainerJob, *, may: Mapping[str, bool], given: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What the templates of the page show of a job.

    Args:
        may: which of ``start``, ``cancel`` and ``restart`` the person may do.
        given: the attempt and the offsets of the streams that the page has already; None for a new page.
    """
    attempts = list(job.executions.order_by("attempt").defer("record"))
    latest = attempts[-1] if attempts else None
    outputs, offsets = _outputs(job, given or {})
    return {
        "job": job,
        "badge": badge(job.status),
        "is_live": not job.is_terminal_status,
        "is_stopping": job.cancel_requested is not None and not job.is_terminal_status,
        "failed": bool(job.failure_kind) and job.status != JobStatus.CANCELLED.value,
        "facts": _facts(job, latest),
        "attempts": [_attempt(execution) for execution in attempts],
        "outputs": outputs,
        "offsets": offsets,
        "route": job.route,
        "metadata": sorted(job.executor_metadata.items()) if isinstance(job.executor_metadata, dict) else [],
        "offers": [name for name in offers(job) if may.get(name)],
    }


def offers(job: ContainerJob) -> Sequence[str]:
    """What can be done with a job as it is."""
    if job.is_terminal_status:
        return ["restart"]
    return ["start", "cancel"] if job.status == JobStatus.PENDING.value else ["cancel"]


def live(request: HttpRequest, job: ContainerJob, may: Mapping[str, bool], address: str) -> str:
    """The fragment: the panel anew, and the output that the page has not got yet."""
    given = {name: _number(request.GET.get(name, "")) for name in ("attempt", *(stream.value for stream in Stream))}
    context = panel(job, may=may, given=given)
    return render_to_string("container_manager/admin/job_live.html", {**context, "address": address}, request)


def keep_watch(job: ContainerJob) -> None:
    """Let the worker that holds the job take its output over at once, while somebody looks."""
    now = datetime.now(UTC)
    until = job.watched_until or 0
    if job.status == JobStatus.RUNNING.value and until < (now + WATCH / 2).timestamp() * 1_000_000:
        get_manager().store.watch(job.pk, now + WATCH)


def _number(text: str) -> int:
    return int(text[:18]) if text.isdecimal() else 0


def _outputs(job: ContainerJob, given: Mapping[str, int]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The new text of each stream, and how far the page has it then.

    When another attempt began meanwhile, the rest of the former one comes first.
    """
    shown, offsets = given.get("attempt", 0), {"attempt": job.attempt}
    outputs = []
    for stream in Stream:
        texts: list[Piece] = []
        offset = given.get(stream.value, 0)
        if 0 < shown < job.attempt:
            texts.append(read_piece(job, shown, stream, offset))
        if shown != job.attempt:
            offset = 0
        divider = job.attempt if 0 < shown < job.attempt else 0
        latest = read_piece(job, job.attempt, stream, offset)
        offsets[stream.value] = latest.end
        outputs.append({"stream": stream.value, "rest": texts, "divider": divider, "latest": latest})
    return outputs, offsets


def _facts(job: ContainerJob, latest: ContainerExecution | None) -> Sequence[tuple[str, Any]]:
    """Short facts, the most asked for first."""
    resources = job.as_value().spec.resources
    facts: list[tuple[str, Any]] = [
        ("Host", job.host_name or NOTHING),
        ("Executor", job.executor_type or job.preferred_executor or NOTHING),
        ("Exit code", NOTHING if job.exit_code is None else job.exit_code),
        ("Duration", duration_text(job.runtime_duration)),
        ("Cost", money_text(job.cost, estimated=job.actual_cost is None)),
        ("Attempt", job.attempt or NOTHING),
        ("Created", job.created_at),
        ("Started", job.started_at or NOTHING),
        ("Finished", job.finished_at or NOTHING),
    ]
    if latest is not None:
        facts += [("Peak memory", _memory(latest, resources.memory_mib)), ("CPU", _cpu(latest, resources.cpus))]
    return facts


def _memory(execution: ContainerExecution, limit_mib: int | None) -> str:
    used = execution.max_memory_usage
    if used is None:
        return NOTHING
    words = f"{bytes_text(used)} of {bytes_text(limit_mib * _MIB)}" if limit_mib else bytes_text(used)
    return bar(used, limit_mib * _MIB if limit_mib else None, words)


def _cpu(execution: ContainerExecution, limit: float | None) -> str:
    used = execution.cpu_usage_percent
    if used is None:
        return NOTHING
    words = f"{used:.0f} % of {limit:g} cores" if limit else f"{used:.0f} % of one core"
    return bar(used, limit * 100 if limit else None, words)


def _attempt(execution: ContainerExecution) -> dict[str, Any]:
    return {
        "row": execution,
        "badge": badge(execution.status),
        "duration": duration_text(execution.duration),
        "cost": money_text(execution.cost),
        "memory": bytes_text(execution.max_memory_usage),
    }
