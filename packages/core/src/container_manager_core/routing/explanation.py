"""A decision in words: every host, or of many the nearest few and the number of the others."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from container_manager_core.job import Candidate, Job, OtherHosts, Route, RuleFinding
from container_manager_core.routing.decision import Choice, Refusal
from container_manager_core.routing.index import HostIndex
from container_manager_core.routing.pool import Pool
from container_manager_core.routing.slot import Slot, Standing
from container_manager_core.rules import RuleSet

MOST_HOSTS = 20
"""A decision names so many hosts at most."""
MOST_FALLBACKS = 10
MOST_RULES = 20
MOST_REASONS = 5

_COULD = "it could have taken the job"


class Explanation:
    """Tells a decision that has just been made.

    Args:
        index: the hosts as they are now.
        rules: what the rules are.
        job, choice, now: the decision.
    """

    def __init__(
        self,
        index: HostIndex,
        rules: RuleSet,
        job: Job,
        choice: Choice,
        now: datetime,
    ) -> None:
        self._index = index
        self._rules = rules
        self._judge = choice.judge
        self._job = job
        self._choice = choice
        self._now = now
        required = choice.rule >= 0 and rules.rules[choice.rule].required
        self._required = rules.rules[choice.rule] if required else None
        self._pool = choice.narrowed if required and choice.narrowed is not None else choice.pool

    def told(self) -> Route | Refusal:
        """The route with its reasons, or why there is none."""
        if self._choice.host is None:
            return self._refusal()
        return self._route(self._choice.host.name, self._reason())

    def _route(self, host: str | None, reason: str) -> Route:
        named = list(self._index.slots.values()) if len(self._index.slots) <= MOST_HOSTS else self._nearest()
        candidates = tuple(self._candidate(slot, reason) for slot in named)
        fits = {candidate.host for candidate in candidates if candidate.eligible and candidate.host != host}
        return Route(
            host=host,
            reason=reason,
            fallbacks=tuple(slot.host.name for slot in self._next() if slot.host.name in fits)[:MOST_FALLBACKS],
            candidates=candidates,
            others=tuple(self._others(named)) if len(named) < len(self._index.slots) else (),
            rule=self._choice.rule + 1 if self._choice.rule >= 0 else None,
            rules=self._findings(),
            decided_at=self._now,
        )

    def _reason(self) -> str:
        choice, job = self._choice, self._job
        if job.requested_host:
            return "the job asks for it"
        if job.preferred_executor:
            return f"the job asks for executor {job.preferred_executor}"
        if choice.by_plugin:
            return "a plugin chose it"
        if choice.rule < 0 or choice.host is None:
            return "by weight among the hosts with room"
        rule = self._rules.rules[choice.rule]
        if not self._is_meant(self._index.slots[choice.host.name]):
            return f"by weight, as {self._rule_name} names {rule.target} and none of these can take the job now"
        number = choice.rule + 1
        return f"{rule.reason} (rule {number})" if rule.reason else f"rule {number} names {rule.target}"

    @property
    def _rule_name(self) -> str:
        """The rule that matched, with its reason."""
        reason = self._rules.rules[self._choice.rule].reason
        return f"rule {self._choice.rule + 1}" + (f" ({reason})" if reason else "")

    def _is_meant(self, slot: Slot) -> bool:
        """Whether the rule that matched, if one did, means the host."""
        narrowed = self._choice.narrowed
        return narrowed is None or _holds(narrowed, slot)

    def _candidate(self, slot: Slot, reason: str) -> Candidate:
        host, chosen = slot.host, self._choice.host
        if chosen is not None and host.name == chosen.name:
            return Candidate(host=host.name, reason=reason, eligible=True)
        obstacle = self._obstacle(slot)
        if obstacle is not None:
            return Candidate(host=host.name, reason=obstacle, eligible=False)
        return Candidate(host=host.name, reason=self._why_later(slot), eligible=self._choice.host is not None)

    def _obstacle(self, slot: Slot) -> str | None:
        """Why the host cannot take the job, whatever its turn by weight."""
        unwanted = self._choice.pool.selector.why_not(slot.host, slot.executor_type)
        if unwanted is not None and (self._choice.narrowed is None or not self._is_meant(slot)):
            return unwanted
        if self._required is not None and not self._is_meant(slot):
            return f"{self._rule_name} requires {self._required.target}"
        if slot.obstacle is not None:
            return slot.obstacle
        passed = self._judge.why_not(slot)
        return passed.reason if passed is not None else None

    def _why_later(self, slot: Slot) -> str:
        job, rule = self._job, self._choice.rule
        if job.execution is not None and job.failure is not None and slot.host.name == job.execution.host:
            return f"{_COULD}; its latest attempt failed there ({job.failure.kind.value})"
        if not self._is_meant(slot):
            return f"{_COULD}; rule {rule + 1} names {self._rules.rules[rule].target}"
        return f"{_COULD}; it was another's turn by weight"

    def _next(self) -> Iterator[Slot]:
        """The hosts with room that come next, those that a rule means first, each once."""
        pools = [self._choice.narrowed] if self._choice.narrowed is not None else []
        if self._required is None:
            pools.append(self._choice.pool)
        seen: set[Slot] = set()
        for pool in pools:
            for slot in pool.nearest(MOST_HOSTS):
                if slot not in seen:
                    seen.add(slot)
                    yield slot

    def _nearest(self) -> Sequence[Slot]:
        """Of many hosts: the chosen one, those that were passed over, those that come next, and some closed ones."""
        chosen = [self._index.slots[self._choice.host.name]] if self._choice.host is not None else []
        passed = list(self._judge.passed)[: MOST_HOSTS // 2]
        following = list(self._next())[: MOST_HOSTS // 2]
        few = list(self._pool.members()) if self._pool.size <= MOST_HOSTS else []
        return list(dict.fromkeys([*chosen, *passed, *following, *few]))[:MOST_HOSTS]

    def _others(self, named: Iterable[Slot]) -> Iterator[OtherHosts]:
        pool = self._pool
        told = list(named)
        outside = len(self._index.slots) - pool.size
        told_outside = sum(self._outside(slot) for slot in told)
        if outside > told_outside:
            wanted = pool.selector.text or "hosts that routing may choose by itself"
            yield OtherHosts(reason=f"not what is asked for: {wanted}", hosts=outside - told_outside)
        for standing in Standing:
            number = pool.standings[standing] - sum(
                slot.standing is standing and not self._outside(slot) for slot in told
            )
            if number > 0:
                reason = "they come later by weight" if standing is Standing.OPEN else f"as {standing.value}"
                yield OtherHosts(reason=reason, hosts=number)

    def _outside(self, slot: Slot) -> bool:
        return not _holds(self._pool, slot)

    def _findings(self) -> tuple[RuleFinding, ...]:
        choice = self._choice
        if choice.facts is None or choice.by_plugin or choice.pool.selector.asked:
            return ()
        return self._rules.findings(choice.facts, self._now, choice.rule, MOST_RULES)

    def _refusal(self) -> Refusal:
        pool = self._pool
        if not pool.size:
            return Refusal(route=self._route(None, self._nothing_meant()), permanent=True)
        lasting = sum(passed.lasting for slot, passed in self._judge.passed.items() if not self._outside(slot))
        return Refusal(
            route=self._route(None, f"no host can take it: {self._reasons(pool.members())}"),
            permanent=lasting + pool.standings[Standing.MISSING] >= pool.size,
            full=pool.standings[Standing.FULL] > 0 or any(passed.full for passed in self._judge.passed.values()),
        )

    def _reasons(self, slots: Iterable[Slot]) -> str:
        known = list(slots)
        if len(known) <= MOST_HOSTS:
            known.sort(key=lambda slot: list(self._index.slots).index(slot.host.name))
        told = [f"{slot.host.name}: {self._obstacle(slot) or _COULD}" for slot in known[:MOST_REASONS]]
        more = len(known) - len(told)
        return "; ".join(told) + (f"; and {more} more" if more > 0 else "")

    def _nothing_meant(self) -> str:
        slots = list(self._index.slots.values())
        if self._required is not None:
            return f"{self._rule_name} requires {self._required.target}, and no configured host is such"
        wanted = self._choice.pool.selector.text
        if not wanted and slots:
            return f"no host can take it: {self._reasons(slots)}"
        known = ", ".join(f"{slot.host.name} ({slot.host.executor})" for slot in slots[:MOST_HOSTS]) or "none"
        return f"no configured host is the one that the job asks for ({wanted or 'any'}); configured are: {known}"


def _holds(pool: Pool, slot: Slot) -> bool:
    """Whether a host is in a pool; an empty one has none, whatever its selector says."""
    return pool.size > 0 and pool.selector.why_not(slot.host, slot.executor_type) is None
