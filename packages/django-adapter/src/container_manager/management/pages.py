"""What people see of jobs on a terminal, as lines of plain text. Programs read ``--json``."""

import shlex
from collections.abc import Iterator, Sequence

from container_manager_core.cli.wording import BUDGET_TITLES, budget_words, time_words
from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.job import Execution, Job, JobStatus

_TITLES = ("ID", "STATUS", "EXIT", "CREATED", "HOST", "IMAGE", "NAME OR COMMAND")
_WIDEST = 40


def job_table(jobs: Sequence[Job]) -> Iterator[str]:
    """A line for each job, under a line of titles."""
    return _table(_TITLES, [_cells(job) for job in jobs])


def budget_table(balances: Sequence[BudgetBalance]) -> Iterator[str]:
    """A line for each budget, under a line of titles."""
    return _table(BUDGET_TITLES, [budget_words(balance) for balance in balances])


def job_page(job: Job, attempts: Sequence[Execution]) -> Iterator[str]:
    """All that is known of one job."""
    failure = job.failure
    facts = {
        "job": str(job.id),
        "name": job.name,
        "status": job.status.value,
        "why": failure.message or failure.kind.value if failure else "",
        "remedy": failure.hint if failure else "",
        "waiting": job.waiting or "" if job.status is JobStatus.PENDING else "",
        "exit code": "" if job.exit_code is None else str(job.exit_code),
        "image": job.spec.image,
        "command": shlex.join(job.spec.command),
        "host": job.host or "",
        "executor": job.executor or "",
        "route": job.route.reason if job.route else "",
        "created": time_words(job.created_at),
        "scheduled": time_words(job.scheduled_at),
        "started": time_words(job.started_at),
        "finished": time_words(job.finished_at),
        "cost": "" if job.actual_cost is None else str(job.actual_cost),
        "variables": ", ".join([*job.spec.environment, *(f"{name} (secret)" for name in job.spec.secrets)]),
    }
    yield from _aligned(facts)
    for attempt in attempts:
        yield f"attempt {attempt.attempt}: {_attempt(attempt)}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [titles, *rows]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell[:_WIDEST].ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _aligned(facts: dict[str, str]) -> Iterator[str]:
    return (f"{name:<10}  {value}" for name, value in facts.items() if value)


def _cells(job: Job) -> tuple[str, ...]:
    code = "" if job.exit_code is None else str(job.exit_code)
    words = job.name or " ".join(" ".join(job.spec.command).split())
    return (str(job.id), job.status.value, code, time_words(job.created_at), job.host or "", job.spec.image, words)


def _attempt(attempt: Execution) -> str:
    failure = attempt.failure
    facts = [
        attempt.status.value,
        f"on {attempt.host}",
        "" if attempt.exit_code is None else f"exit code {attempt.exit_code}",
        f"{failure.kind.value}: {failure.message}" if failure else "",
    ]
    return ", ".join(fact for fact in facts if fact)
