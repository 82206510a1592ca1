"""Plain data about values, for JSON and for people: the values' own field names, times in ISO 8601 UTC, no secret."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs

from container_manager_core.amounts import amount_text
from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.executor import Health
from container_manager_core.failure import Failure
from container_manager_core.host import Host
from container_manager_core.job import Execution, Job, Route, Usage

Facts = dict[str, Any]
"""Strings, numbers, booleans, None, lists and dicts of these: what JSON holds."""

HIDDEN = "***"


def job_facts(job: Job, attempts: Sequence[Execution] | None = None) -> Facts:
    """What is known of a job.

    Args:
        attempts: every attempt, to be put under ``attempts``; left out when None.
    """
    spec, execution = job.spec, job.execution
    facts: Facts = {
        "id": str(job.id),
        "name": job.name,
        "status": job.status.value,
        "exit_code": job.exit_code,
        "image": spec.image,
        "command": list(spec.command),
        "host": job.host,
        "executor": job.executor,
        "attempt": job.attempt,
        "failure": failure_facts(job.failure),
        "waiting": job.waiting,
        "route_reason": job.route.reason if job.route else None,
        "route": _route_facts(job.route),
        "priority": job.priority,
        "labels": dict(spec.labels),
        "environment": dict(spec.environment),
        "secrets": dict.fromkeys(spec.secrets, HIDDEN),
        "resources": attrs.asdict(spec.resources),
        "timeout_seconds": spec.timeout_seconds,
        "expected_seconds": spec.expected_seconds,
        "requested_host": job.requested_host,
        "created_by": job.created_by,
        "created_at": time_text(job.created_at),
        "queued_at": time_text(job.queued_at),
        "scheduled_at": time_text(job.scheduled_at),
        "not_before": time_text(job.not_before),
        "cancel_requested_at": time_text(job.cancel_requested_at),
        "started_at": time_text(job.started_at),
        "finished_at": time_text(job.finished_at),
        "execution_id": execution.execution_id if execution else None,
        "usage": _usage_facts(execution.usage if execution else None),
        "metadata": _plain(execution.metadata) if execution else {},
        "estimated_cost": _amount(job.estimated_cost),
        "actual_cost": _amount(job.actual_cost),
        "max_cost": _amount(spec.max_cost),
    }
    if attempts is not None:
        facts["attempts"] = [execution_facts(attempt) for attempt in attempts]
    return facts


def execution_facts(execution: Execution) -> Facts:
    """What is known of one attempt."""
    return {
        "attempt": execution.attempt,
        "status": execution.status.value,
        "exit_code": execution.exit_code,
        "host": execution.host,
        "executor": execution.executor,
        "execution_id": execution.execution_id,
        "failure": failure_facts(execution.failure),
        "stop_reason": execution.stop_reason.value if execution.stop_reason else None,
        "created_at": time_text(execution.created_at),
        "started_at": time_text(execution.started_at),
        "finished_at": time_text(execution.finished_at),
        "usage": _usage_facts(execution.usage),
        "cost": _amount(execution.cost),
        "reserved": _amount(execution.reserved),
        "stdout_bytes": execution.logs.stdout_bytes,
        "stderr_bytes": execution.logs.stderr_bytes,
        "metadata": _plain(execution.metadata),
        "cleaned": execution.cleaned,
    }


def decision_facts(job: Job) -> Facts:
    """Where a job went, or why it waits, and how that was decided."""
    known = job_facts(job)
    return {name: known[name] for name in ("id", "name", "status", "host", "executor", "waiting", "failure", "route")}


def failure_facts(failure: Failure | None) -> Facts | None:
    """Why an attempt ended badly."""
    if failure is None:
        return None
    return {
        "kind": failure.kind.value,
        "message": failure.message,
        "retryable": failure.retryable,
        "hint": failure.hint,
    }


def host_facts(host: Host, live: int | None = None, health: Health | None = None) -> Facts:
    """What is known of a host. Its ``config`` is left out, as it may hold credentials.

    Args:
        live: how many jobs are launching or running there.
        health: the answer to a health check; left out when None.
    """
    facts: Facts = {
        "name": host.name,
        "executor": host.executor,
        "active": host.active,
        "weight": host.weight,
        "max_concurrent_jobs": host.max_concurrent_jobs,
        "live_jobs": live,
        "cost_per_hour": _amount(host.cost_per_hour),
        "cost_per_job": _amount(host.cost_per_job),
        "labels": dict(host.labels),
    }
    if health is not None:
        facts["health"] = {
            "ok": health.ok,
            "latency_seconds": round(health.latency_seconds, 6),
            "message": health.message,
            "hint": health.hint,
        }
    return facts


def budget_facts(balance: BudgetBalance) -> Facts:
    """What stands on a budget."""
    return {
        "period": balance.budget.period.value,
        "scope": dict(balance.scope),
        "cap": _amount(balance.budget.cap),
        "warn_at": balance.budget.warn_at,
        "spent": _amount(balance.spent),
        "reserved": _amount(balance.reserved),
        "left": _amount(balance.left),
        "renews_at": time_text(balance.renews_at),
    }


def time_text(time: datetime | None) -> str | None:
    """The time in ISO 8601, in UTC with a Z, for example ``2030-01-01T12:00:00.250000Z``."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def _route_facts(route: Route | None) -> Facts | None:
    if route is None:
        return None
    return {
        "host": route.host,
        "reason": route.reason,
        "fallbacks": list(route.fallbacks),
        "candidates": [attrs.asdict(candidate) for candidate in route.candidates],
        "others": [attrs.asdict(others) for others in route.others],
        "rule": route.rule,
        "rules": [{**attrs.asdict(finding), "outcome": finding.outcome.value} for finding in route.rules],
        "decided_at": time_text(route.decided_at),
    }


def _usage_facts(usage: Usage | None) -> Facts | None:
    return attrs.asdict(usage) if usage else None


def _amount(amount: Decimal | None) -> str | None:
    return amount_text(amount) if amount is not None else None


def _plain(value: Any) -> Any:
    """The same as what JSON holds: an executor may put any value into its metadata."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return time_text(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
