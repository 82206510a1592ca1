"""Replays and plans as people read them, and as ``--json`` has them."""

from collections.abc import Sequence
from decimal import Decimal

import attrs
from rich.text import Text

from container_manager_core.cli.tables import duration_text, print_table
from container_manager_core.facts import Facts
from container_manager_core.routing.planning import HostPlan
from container_manager_core.routing.replay import Move, Replay
from container_manager_core.routing.report import in_one_line


def print_replay(replay: Replay, days: float) -> None:
    """Print which jobs would have gone elsewhere, together where they would have for the same reason."""
    groups: dict[tuple[str, str, str], list[Move]] = {}
    for move in replay.moves:
        groups.setdefault((move.before, move.after or "(none)", move.reason), []).append(move)
    rows = [
        [before, after, str(len(moves)), _signed(_difference(moves)), in_one_line(reason)]
        for (before, after, reason), moves in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]
    if rows:
        print_table(("FROM", "TO", "JOBS", "COST", "WHY"), [[Text(cell) for cell in row] for row in rows])
    difference = replay.cost_after - replay.cost_before
    print(
        f"{len(replay.moves)} of {replay.jobs} jobs of the last {days:g} days would have gone elsewhere; "
        f"cost {_money(replay.cost_before)} -> {_money(replay.cost_after)} ({_signed(difference)})"
    )


def replay_facts(replay: Replay) -> Facts:
    """The same for ``--json``."""
    return {
        "jobs": replay.jobs,
        "moved": len(replay.moves),
        "cost_before": str(replay.cost_before),
        "cost_after": str(replay.cost_after),
        "cost_difference": str(replay.cost_after - replay.cost_before),
        "moves": [
            {
                **attrs.asdict(move),
                "job_id": str(move.job_id),
                "cost_before": str(move.cost_before),
                "cost_after": str(move.cost_after),
            }
            for move in replay.moves
        ],
    }


def print_plans(plans: Sequence[HostPlan]) -> None:
    """Print a line for each host: whether it can, at which size and price; else what is missing."""
    if not plans:
        print("no such host is configured; see container-manager hosts")
        return
    rows = [
        [
            *(each.host, each.executor, "yes" if each.plan.can_run else "no"),
            *(_size(each), _price(each), _estimate(each), _missing(each)),
        ]
        for each in plans
    ]
    titles = ("HOST", "EXECUTOR", "RUNS", "SIZE", "PER HOUR", "ESTIMATE", "MISSING")
    print_table(titles, [[Text(cell) for cell in row] for row in rows])
    for each in plans:
        for problem in each.plan.problems:
            remedy = f"; {in_one_line(problem.remedy)}" if problem.remedy else ""
            print(f"{each.host}: {problem.place}: {in_one_line(problem.message)}{remedy}")
        for note in each.plan.notes:
            print(f"{each.host}: {in_one_line(note)}")


def plan_facts(each: HostPlan) -> Facts:
    """The same for ``--json``."""
    return {
        "host": each.host,
        "executor": each.executor,
        "can_run": each.plan.can_run,
        "memory_mib": each.plan.memory_mib,
        "cpus": each.plan.cpus,
        "cost_per_hour_low": str(each.cost_per_hour_low),
        "cost_per_hour_high": str(each.cost_per_hour_high),
        "cost_per_job": str(each.cost_per_job),
        "expected_seconds": each.expected_seconds,
        "estimated_cost": str(each.estimated_cost),
        "problems": [attrs.asdict(problem) for problem in each.plan.problems],
        "notes": list(each.plan.notes),
    }


def _size(each: HostPlan) -> str:
    memory = f"{each.plan.memory_mib} MiB" if each.plan.memory_mib is not None else ""
    cpus = f"{each.plan.cpus:g} CPU" if each.plan.cpus is not None else ""
    return ", ".join(part for part in (memory, cpus) if part) or "no limit"


def _price(each: HostPlan) -> str:
    low, high = _money(each.cost_per_hour_low), _money(each.cost_per_hour_high)
    per_hour = low if low == high else f"{low} to {high}"
    return f"{per_hour} + {_money(each.cost_per_job)} a job" if each.cost_per_job else per_hour


def _estimate(each: HostPlan) -> str:
    return f"{_money(each.estimated_cost)} for {duration_text(each.expected_seconds)}"


def _missing(each: HostPlan) -> str:
    return "; ".join(
        [*(in_one_line(problem.message) for problem in each.plan.problems), *map(in_one_line, each.plan.notes)]
    )


def _difference(moves: Sequence[Move]) -> Decimal:
    return sum((move.cost_after - move.cost_before for move in moves), Decimal(0))


def _money(amount: Decimal) -> str:
    rounded = round(amount, 4)
    return f"{rounded:f}".rstrip("0").rstrip(".") if rounded else "0"


def _signed(amount: Decimal) -> str:
    text = _money(amount)
    return text if text == "0" or text.startswith("-") else f"+{text}"
