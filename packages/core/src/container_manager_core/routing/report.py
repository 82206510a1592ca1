"""A decision as people read it, line by line."""

from collections.abc import Iterator

from container_manager_core.job import Candidate, Job, JobStatus, OtherHosts, Route, RuleFinding

CHOSEN, ABLE, UNABLE = ">", "+", "-"
"""The signs of the chosen host, of those that could have taken the job, and of those that could not."""


def decision_lines(job: Job) -> Iterator[str]:
    """Where a job went, or why it waits or was refused; then a line for each rule and each host."""
    yield f"job {job.id}  {job.status.value} {f'on {job.host}' if job.execution else 'on no host'}"
    yield from _beside_the_decision(job)
    route = job.route
    if route is None:
        yield "no decision was needed" if job.status.is_terminal else "no decision yet: no worker has looked at it"
        return
    yield f"decision: {decision_sentence(route)}"
    if route.rules:
        yield "rules:"
    for finding in route.rules:
        yield f"  {rule_line(finding)}"
    if route.candidates or route.others:
        yield "hosts:"
    width = max((len(candidate.host) for candidate in route.candidates), default=0)
    for candidate in route.candidates:
        yield f"  {sign(route, candidate)} {candidate.host:<{width}}  {in_one_line(candidate.reason)}"
    for others in route.others:
        yield f"    {others_line(others)}"
    if route.fallbacks:
        yield f"next in turn: {', '.join(route.fallbacks)}"


def decision_sentence(route: Route) -> str:
    """The host, the reason and when it was decided."""
    decided = f" ({route.decided_at:%Y-%m-%d %H:%M:%SZ})" if route.decided_at else ""
    return f"{f'host {route.host}: ' if route.host else ''}{in_one_line(route.reason)}{decided}"


def rule_line(finding: RuleFinding) -> str:
    """What a rule gave, and what it says."""
    why = f" ({finding.reason})" if finding.reason else ""
    detail = f": {in_one_line(finding.detail)}" if finding.detail else ""
    condition = in_one_line(finding.condition)
    return f"{finding.number} {finding.outcome.value}{detail}  {condition} -> {finding.target}{why}"


def sign(route: Route, candidate: Candidate) -> str:
    """What became of a host: `CHOSEN`, `ABLE` or `UNABLE`."""
    if candidate.host == route.host:
        return CHOSEN
    return ABLE if candidate.eligible else UNABLE


def others_line(others: OtherHosts) -> str:
    """How many hosts are not named, and what they have in common."""
    return f"{others.hosts} others: {in_one_line(others.reason)}"


def in_one_line(text: str) -> str:
    """The same in one line: a platform's message may have several."""
    return " ".join(text.split())


def _beside_the_decision(job: Job) -> Iterator[str]:
    """Why a job waits or has ended, where its latest decision does not tell that: the policy may have refused it."""
    told = job.route.reason if job.route else ""
    if job.status is JobStatus.PENDING and job.waiting and job.waiting != told:
        yield f"waits: {in_one_line(job.waiting)}"
    if job.failure is not None and job.failure.message != told:
        yield f"ended: {in_one_line(str(job.failure))}"
