"""The page of a job: how it is, why it failed, its output, its attempts and its route; and the live fragment of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from container_manager.admin.amounts import NOTHING, bytes_text, duration_text, money_text
from container_manager.admin.badges import badge
from container_manager.admin.bars import bar
from container_manager.admin.job_list import duration_cell
from container_manager.admin.output import Piece, read_piece
from container_manager.admin.versions import version_of
from container_manager.manager import get_manager
from container_manager.models import ContainerExecution, ContainerJob
from container_manager_core.executor import Stream
from container_manager_core.job import JobStatus, Route
from container_manager_core.resources import Resources
from container_manager_core.routing.report import ABLE, CHOSEN, UNABLE, decision_sentence, others_line, sign

WATCH = timedelta(seconds=10)
"""So long a worker takes the output over at once after somebody looked at it."""

_MIB = 1024 * 1024
_POLLER = "cm-poll"
_SIGNS = {CHOSEN: "chosen", ABLE: "could take it", UNABLE: "passed over"}


def panel(job: ContainerJob, may: Mapping[str, bool]) -> dict[str, Any]:
    """What the page shows of a job, but for its output.

    Args:
        may: which of the actions the person may do, by name.
    """
    attempts = list(job.executions.order_by("attempt").defer("record"))
    value = job.as_value()
    return {
        "job": job,
        "badge": badge(job.status),
        "is_live": not job.is_terminal_status,
        "is_stopping": job.cancel_requested is not None and not job.is_terminal_status,
        "failed": bool(job.failure_kind) and job.status != JobStatus.CANCELLED.value,
        "facts": _facts(job, attempts[-1] if attempts else None, value.spec.resources),
        "attempts": [_attempt(execution) for execution in attempts],
        "route": _route(value.route) if value.route is not None else None,
        "metadata": sorted((name, value) for name, value in dict(job.executor_metadata).items() if value),
        "offers": [(name, verb) for name, verb in offers(job).items() if may.get(name)],
    }


def page(job: ContainerJob, may: Mapping[str, bool], address: str) -> dict[str, Any]:
    """Everything on a new page."""
    output = [(stream.value, read_piece(job, job.attempt, stream, 0)) for stream in Stream]
    shown = {"attempt": job.attempt, **{name: piece.end for name, piece in output}}
    return {**panel(job, may), "outputs": output, "poller": poller(job, address, shown, version_of(job))}


def offers(job: ContainerJob) -> Mapping[str, str]:
    """What can be done with a job as it is: the actions, with the words on their buttons."""
    if job.is_terminal_status:
        return {"restart": "Restart"}
    if job.status == JobStatus.PENDING.value:
        return {"start": "Start now", "cancel": "Cancel", "move": "Move"}
    return {"cancel": "Stop", "move": "Move"}


def live(request: HttpRequest, job: ContainerJob, may: Mapping[str, bool]) -> str:
    """The fragment: the output that the page has not got yet, and the panel where it has changed."""
    shown = {name: _number(request.GET.get(name, "")) for name in ("attempt", *Stream)}
    version = version_of(job)
    output, reached = _new_output(job, shown)
    parts = [poller(job, request.path, reached, version), output]
    if request.GET.get("version") != version:
        parts.append(render_to_string("container_manager/admin/job_live.html", panel(job, may), request))
    return "".join(parts)


def poller(job: ContainerJob, address: str, shown: Mapping[str, int], version: str) -> SafeString:
    """What asks for the fragment; silent once the job has ended."""
    if job.is_terminal_status:
        return format_html('<div id="{}"></div>', _POLLER)
    asked = urlencode({**shown, "version": version})
    return format_html(
        '<div id="{}" hx-get="{}?{}" hx-trigger="every 2s" hx-swap="outerHTML"></div>', _POLLER, address, asked
    )


def keep_watch(job: ContainerJob) -> None:
    """Let the worker that holds the job take its output over at once, while somebody looks."""
    now = datetime.now(UTC)
    until = job.watched_until or 0
    if job.status == JobStatus.RUNNING.value and until < (now + WATCH / 2).timestamp() * 1_000_000:
        get_manager().store.watch(job.pk, now + WATCH)


def _number(text: str) -> int:
    return int(text[:18]) if text.isdecimal() else 0


def _new_output(job: ContainerJob, shown: Mapping[str, int]) -> tuple[str, Mapping[str, int]]:
    """What is to be appended to each stream, and how far the page has it then.

    When another attempt began meanwhile, the rest of the former one comes first.
    """
    appended, reached = [], {"attempt": job.attempt}
    is_same = shown["attempt"] == job.attempt
    for stream in Stream:
        texts = []
        if not is_same and shown["attempt"]:
            rest = read_piece(job, shown["attempt"], stream, shown[stream])
            texts += [piece_html(rest), format_html('<span class="cm-divider">attempt {}</span>', job.attempt)]
        piece = read_piece(job, job.attempt, stream, shown[stream] if is_same else 0)
        texts.append(piece_html(piece))
        reached[stream.value] = piece.end
        text = mark_safe("".join(texts))
        if text:
            appended.append(format_html('<span hx-swap-oob="beforeend:#cm-{}">{}</span>', stream.value, text))
    return "".join(appended), reached


def piece_html(piece: Piece) -> SafeString:
    """Text of a stream, and a note where something was left out before it."""
    if not piece.skipped:
        return format_html("{}", piece.text)
    note = f"{bytes_text(piece.skipped)} left out here: download all to see them"
    return format_html('<span class="cm-divider">{}</span>{}', note, piece.text)


def _facts(job: ContainerJob, latest: ContainerExecution | None, resources: Resources) -> Sequence[tuple[str, Any]]:
    """Short facts, the most asked for first."""
    facts: list[tuple[str, Any]] = [
        ("Host", job.host_name or NOTHING),
        ("Executor", job.executor_type or job.preferred_executor or NOTHING),
        ("Exit code", NOTHING if job.exit_code is None else job.exit_code),
        ("Duration", duration_cell(job)),
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


def _route(route: Route) -> Mapping[str, Any]:
    """The latest decision in the core's own words."""
    return {
        "decision": decision_sentence(route),
        "rules": route.rules,
        "hosts": [(_SIGNS[sign(route, candidate)], candidate) for candidate in route.candidates],
        "others": [others_line(others) for others in route.others],
        "fallbacks": route.fallbacks,
    }


def _attempt(execution: ContainerExecution) -> dict[str, Any]:
    return {
        "row": execution,
        "badge": badge(execution.status),
        "duration": duration_text(execution.duration),
        "cost": money_text(execution.cost),
        "memory": bytes_text(execution.max_memory_usage),
    }
