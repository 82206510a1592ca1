"""Choosing a host for a job."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.job import Candidate, Job, Route

Obstacle = Callable[[Job, Host, datetime], str | None]
"""Why a host may not take a job now, for example a budget that is used up; None when it may."""


@attrs.frozen(kw_only=True)
class Refusal:
    """No host can take the job.

    Attributes:
        reason: why, in one sentence.
        permanent: whether waiting cannot help.
        full: whether some host would take it if it had room.
        candidates: every host that was looked at, with its own reason.
    """

    reason: str
    permanent: bool
    full: bool = False
    candidates: tuple[Candidate, ...] = ()


@attrs.frozen(kw_only=True)
class _Look:
    """What was found out of one host: why it is passed over, and whether waiting may change that."""

    host: Host
    obstacle: str | None = None
    lasting: bool = False
    wished_away: bool = False
    full: bool = False


class Router:
    """Decides where jobs run. Safe for several threads.

    In this order: the job's own host, its preferred executor, a plugin's choice, then weights. A job
    that asks for a host or an executor waits for it rather than go elsewhere.

    Args:
        fleet: the hosts and their health.
        obstacles: each is asked of every host that could otherwise take a job.
    """

    def __init__(self, fleet: Fleet, obstacles: Sequence[Obstacle] = ()) -> None:
        self._fleet = fleet
        self._obstacles = tuple(obstacles)
        self._shares: dict[str, int] = {}
        self._lock = threading.Lock()

    def choose(
        self, job: Job, live: Mapping[str, int], now: datetime, avoid: frozenset[str] = frozenset()
    ) -> Route | Refusal:
        """The route of a job, or why there is none.

        Args:
            live: launching and running jobs by host.
            now: the time of the decision.
            avoid: hosts to pass over, for example one that has just turned out to be full.
        """
        looks = [self._look(job, host, live, now, avoid) for host in self._fleet.hosts.values()]
        eligible = [look.host for look in looks if look.obstacle is None]
        reason = _wish(job)
        if eligible and not reason:
            picked = self._ask_plugins(job, eligible)
            if picked:
                eligible = [picked] + [host for host in eligible if host is not picked]
                reason = "a plugin chose it"
        ordered = eligible if reason and not job.preferred_executor else self._by_weight(eligible)
        return self._first_able(job, ordered, looks, reason or "by weight among the hosts with room", now)

    def _first_able(
        self, job: Job, ordered: Sequence[Host], looks: list[_Look], reason: str, now: datetime
    ) -> Route | Refusal:
        unable: dict[str, str] = {}
        for position, host in enumerate(ordered):
            problem = self._fleet.why_not(host.name, job.spec)
            if problem is None:
                return Route(
                    host=host.name,
                    reason=reason,
                    fallbacks=tuple(other.name for other in ordered[position + 1 :]),
                    candidates=_candidates(looks, unable, chosen=host.name, reason=reason),
                    decided_at=now,
                )
            unable[host.name] = problem
        return _refusal(job, looks, unable)

    def _look(self, job: Job, host: Host, live: Mapping[str, int], now: datetime, avoid: frozenset[str]) -> _Look:
        if job.requested_host and host.name != job.requested_host:
            return _Look(host=host, obstacle=f"the job asks for {job.requested_host}", lasting=True, wished_away=True)
        if job.preferred_executor and host.executor != job.preferred_executor:
            wish = f"the job asks for executor {job.preferred_executor}"
            return _Look(host=host, obstacle=wish, lasting=True, wished_away=True)
        executor_type = self._fleet.plugins.executor_types.get(host.executor)
        if executor_type is None:
            return _Look(
                host=host,
                obstacle=f"no installed distribution brings the executor {host.executor!r}; "
                f"pip install container-manager-{host.executor}",
                lasting=True,
            )
        if not executor_type.automatic and not (job.requested_host or job.preferred_executor):
            return _Look(host=host, obstacle=f"{host.executor} runs only jobs that ask for it", lasting=True)
        state = self._fleet.state(host.name)
        if not host.active:
            return _Look(host=host, obstacle="it is not active")
        if not state.usable:
            return _Look(host=host, obstacle=state.problem)
        if live.get(host.name, 0) >= host.max_concurrent_jobs or host.name in avoid:
            return _Look(host=host, obstacle=f"it is full ({host.max_concurrent_jobs} jobs)", full=True)
        found = (obstacle(job, host, now) for obstacle in self._obstacles)
        return _Look(host=host, obstacle=next((reason for reason in found if reason is not None), None))

    def _ask_plugins(self, job: Job, eligible: Sequence[Host]) -> Host | None:
        answer = self._fleet.plugins.hook.container_manager_route(job=job, candidates=eligible)
        return next((host for host in eligible if answer is host or answer == host.name), None)

    def _by_weight(self, hosts: Sequence[Host]) -> list[Host]:
        """Smooth weighted round-robin: the most indebted host first, each in proportion to its weight."""
        if len(hosts) < 2:
            return list(hosts)
        with self._lock:
            for host in hosts:
                self._shares[host.name] = self._shares.get(host.name, 0) + host.weight
            ordered = sorted(hosts, key=lambda host: self._shares[host.name], reverse=True)
            self._shares[ordered[0].name] -= sum(host.weight for host in hosts)
            return ordered


def _wish(job: Job) -> str:
    if job.requested_host:
        return "the job asks for it"
    if job.preferred_executor:
        return f"the job asks for executor {job.preferred_executor}"
    return ""


def _candidates(
    looks: Sequence[_Look], unable: Mapping[str, str], chosen: str = "", reason: str = ""
) -> tuple[Candidate, ...]:
    found = []
    for look in looks:
        name = look.host.name
        obstacle = unable.get(name) or look.obstacle
        text = reason if name == chosen else obstacle or "it could have taken the job"
        found.append(Candidate(host=name, reason=text, eligible=obstacle is None))
    return tuple(found)


def _refusal(job: Job, looks: Sequence[_Look], unable: Mapping[str, str]) -> Refusal:
    candidates = _candidates(looks, unable)
    relevant = [look for look in looks if not look.wished_away]
    if not relevant:
        wanted = f"host {job.requested_host!r}" if job.requested_host else f"executor {job.preferred_executor!r}"
        known = ", ".join(f"{look.host.name} ({look.host.executor})" for look in looks) or "none"
        reason = f"no configured host is the {wanted} that the job asks for; configured are: {known}"
        return Refusal(reason=reason, permanent=True, candidates=candidates)
    reasons = "; ".join(f"{look.host.name}: {unable.get(look.host.name) or look.obstacle}" for look in relevant[:5])
    return Refusal(
        reason=f"no host can take it: {reasons}",
        permanent=all(look.lasting or look.host.name in unable for look in relevant),
        full=any(look.full for look in relevant),
        candidates=candidates,
    )
