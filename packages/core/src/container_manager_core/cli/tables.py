"""What people see: tables and the page of one job. Programs read ``--json``."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from container_manager_core.amounts import amount_text
from container_manager_core.cli.wording import BUDGET_TITLES, budget_words, time_words
from container_manager_core.costs.balance import BudgetBalance
from container_manager_core.costs.sums import CostSum
from container_manager_core.facts import Facts
from container_manager_core.job import Execution, Job, JobStatus, Usage

_LOOKS = {
    JobStatus.PENDING: ("·", "yellow"),
    JobStatus.LAUNCHING: ("↑", "cyan"),
    JobStatus.RUNNING: ("▶", "blue"),
    JobStatus.COMPLETED: ("✓", "green"),
    JobStatus.FAILED: ("✗", "red"),
    JobStatus.TIMEOUT: ("⧖", "magenta"),
    JobStatus.CANCELLED: ("⊘", "bright_black"),
}
"""A sign and a colour for each status; the word stands beside them always."""

_JOB_TITLES = ("ID", "STATUS", "EXIT", "AGE", "HOST", "IMAGE", "NAME OR COMMAND")
_ATTEMPT_TITLES = ("#", "STATUS", "EXIT", "HOST", "STARTED", "TOOK", "WHY")


def print_jobs(jobs: Sequence[Job], *, filtered: bool, limit: int, now: datetime | None = None) -> None:
    """Print a table of jobs, no wider than 80 columns unless the terminal is."""
    if not jobs:
        hint = "leave out a filter" if filtered else "run one: container-manager run alpine -- echo hello"
        print(f"no jobs; {hint}")
        return
    console = _console()
    now = now or datetime.now(UTC)
    console.print(_table(console, _JOB_TITLES, [_job_cells(job, now) for job in jobs]))
    if len(jobs) == limit:
        console.print(Text(f"the newest {limit}; more with --limit"))


def print_hosts(hosts: Sequence[Facts]) -> None:
    """Print a table of host facts."""
    if not hosts:
        print("no hosts; add a [hosts.NAME] table to container-manager.toml")
        return
    checked = any("health" in host for host in hosts)
    titles = ["NAME", "EXECUTOR", "JOBS", "WEIGHT", "ACTIVE", *(["HEALTH"] if checked else [])]
    rows = []
    for host in hosts:
        jobs = f"{host['live_jobs']}/{host['max_concurrent_jobs']}"
        cells = [host["name"], host["executor"], jobs, str(host["weight"]), "yes" if host["active"] else "no"]
        rows.append([*map(Text, cells), *([_health(host["health"])] if checked else [])])
    console = _console()
    console.print(_table(console, titles, rows))


def print_costs(by: Sequence[str], sums: Sequence[CostSum]) -> None:
    """Print a table of sums, and their total."""
    if not sums:
        print("no costs; hosts have no price, or nothing was run then")
        return
    titles = [*(group.upper() for group in by), "JOBS", "ATTEMPTS", "COST"]
    rows = [
        [*(Text(key or "-") for key in each.keys), *map(Text, (str(each.jobs), str(each.attempts))), _money(each.cost)]
        for each in sums
    ]
    total = [Text("total"), *(Text("") for _ in by[1:]), Text(""), Text(str(sum(each.attempts for each in sums)))]
    rows.append([*total, _money(sum(each.cost for each in sums))])
    console = _console()
    console.print(_table(console, titles, rows))


def print_budgets(balances: Sequence[BudgetBalance]) -> None:
    """Print a table of what stands on budgets."""
    if not balances:
        print("no budgets; add [[budgets]] tables to container-manager.toml")
        return
    console = _console()
    console.print(_table(console, BUDGET_TITLES, [_budget_cells(balance) for balance in balances]))


def _budget_cells(balance: BudgetBalance) -> list[Text]:
    cells = [Text(word) for word in budget_words(balance)]
    left = cells[BUDGET_TITLES.index("LEFT")]
    if not balance.left:
        left.stylize("red")
    elif balance.spent + balance.reserved >= balance.budget.cap * Decimal(str(balance.budget.warn_at)):
        left.stylize("yellow")
    return cells


def _money(amount: Decimal | int) -> Text:
    return Text(amount_text(Decimal(amount)))


def print_job(job: Job, attempts: Sequence[Execution]) -> None:
    """Print the page of one job."""
    console = _console()
    page = Table.grid(padding=(0, 2))
    page.add_column(style="bold", no_wrap=True)
    page.add_column(overflow="fold")
    for name, value in _page(job, len(attempts)):
        page.add_row(name, value if isinstance(value, Text) else Text(value))
    console.print(page)
    if attempts:
        console.print()
        console.print(_table(console, _ATTEMPT_TITLES, [_attempt_cells(attempt) for attempt in attempts]))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """Print a table; its last column gives way where there is too little room."""
    console = _console()
    console.print(_table(console, titles, rows))


def duration_text(seconds: float) -> str:
    """A duration in at most four characters, for example ``12s``, ``5m``, ``3h`` or ``40d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _job_cells(job: Job, now: datetime) -> list[Text]:
    return [
        Text(str(job.id)[:8]),
        _status(job.status),
        Text("" if job.exit_code is None else str(job.exit_code)),
        Text(duration_text((now - job.created_at).total_seconds())),
        _cut(Text(job.host or ""), 12),
        _cut(Text(job.spec.image), 20),
        Text(job.name or " ".join(" ".join(job.spec.command).split())),
    ]


def _cut(text: Text, cells: int) -> Text:
    text.truncate(cells, overflow="ellipsis")
    return text


def _page(job: Job, attempts: int) -> list[tuple[str, str | Text]]:
    spec, execution = job.spec, job.execution
    rows: list[tuple[str, Any]] = [
        ("job", str(job.id)),
        ("name", job.name),
        ("status", _status(job.status)),
        ("why", job.failure.message or job.failure.kind.value if job.failure else ""),
        ("kind", job.failure.kind.value if job.failure else ""),
        ("remedy", job.failure.hint if job.failure else ""),
        ("waiting", job.waiting if job.status is JobStatus.PENDING else ""),
        ("exit code", "" if job.exit_code is None else str(job.exit_code)),
        ("image", spec.image),
        ("command", _command(spec.command)),
        ("host", job.host),
        ("executor", job.executor),
        ("route", job.route.reason if job.route else ""),
        ("attempts", str(attempts) if attempts else ""),
        ("created", time_words(job.created_at)),
        ("scheduled", time_words(job.scheduled_at)),
        ("next try", time_words(job.not_before)),
        ("started", time_words(job.started_at)),
        ("finished", time_words(job.finished_at)),
        ("took", _took(job.started_at, job.finished_at)),
        ("usage", _usage(execution.usage if execution else None)),
        ("limits", ", ".join(_limits(job))),
        ("cost", amount_text(job.actual_cost) if job.actual_cost else ""),
        ("estimate", amount_text(job.estimated_cost) if job.estimated_cost else ""),
        ("most", amount_text(job.spec.max_cost) if job.spec.max_cost is not None else ""),
        ("variables", ", ".join([*spec.environment, *(f"{name} (secret)" for name in spec.secrets)])),
        ("labels", ", ".join(f"{name}={value}" for name, value in spec.labels.items())),
        ("submitted by", job.created_by),
    ]
    return [(name, value) for name, value in rows if value]


def _attempt_cells(attempt: Execution) -> list[Text]:
    failure = attempt.failure
    return [
        Text(str(attempt.attempt)),
        _status(attempt.status),
        Text("" if attempt.exit_code is None else str(attempt.exit_code)),
        _cut(Text(attempt.host), 12),
        Text(attempt.started_at.astimezone(UTC).strftime("%H:%M:%SZ") if attempt.started_at else ""),
        Text(_took(attempt.started_at, attempt.finished_at)),
        Text(failure.message or failure.kind.value if failure else ""),
    ]


def _limits(job: Job) -> list[str]:
    resources = job.spec.resources
    limits = {
        "memory": resources.memory_mib and f"{resources.memory_mib} MiB",
        "cpus": resources.cpus and f"{resources.cpus:g}",
        "pids": resources.pids,
        "gpus": resources.gpus,
        "timeout": job.spec.timeout_seconds and f"{job.spec.timeout_seconds:g} s",
    }
    return [f"{name} {value}" for name, value in limits.items() if value]


def _usage(usage: Usage | None) -> str:
    if usage is None:
        return ""
    facts = []
    if usage.peak_memory_bytes is not None:
        facts.append(f"peak memory {usage.peak_memory_bytes / 1024**2:.1f} MiB")
    if usage.cpu_seconds is not None:
        facts.append(f"CPU {usage.cpu_seconds:.2f} s")
    return ", ".join(facts)


def _command(words: Sequence[str]) -> str:
    import shlex

    return shlex.join(words)


def _took(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    return f"{seconds:.1f}s" if seconds < 60 else f"{int(seconds // 60)}m{int(seconds % 60):02}s"


def _health(health: Facts) -> Text:
    if health["ok"]:
        return Text(f"✓ ok, {health['latency_seconds'] * 1000:.0f} ms", style="green")
    return Text(f"✗ {health['message']}", style="red")


def _status(status: JobStatus) -> Text:
    sign, colour = _LOOKS[status]
    return Text(f"{sign} {status.value}", style=colour)


def _table(console: Console, titles: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
    """A table as wide as the console at most.

    Given too little room rich shrinks every column alike; here only the last one gives way.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    used = sum(max(len(title), *(row[n].cell_len for row in rows)) + 1 for n, title in enumerate(titles[:-1]))
    for row in rows:
        table.add_row(*row[:-1], _cut(row[-1], max(10, console.width - used)))
    return table


def _console() -> Console:
    return Console(highlight=False, emoji=False, markup=False)
