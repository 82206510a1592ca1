"""Choosing a host for a job."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from container_manager_core.failure import INFRASTRUCTURE
from container_manager_core.fleet import Fleet
from container_manager_core.host import Host
from container_manager_core.job import Job, Route
from container_manager_core.routing.decision import Choice, Refusal
from container_manager_core.routing.explanation import Explanation
from container_manager_core.routing.index import HostIndex
from container_manager_core.routing.judge import Judge, Obstacle, View, why_unfit
from container_manager_core.routing.pool import Pool
from container_manager_core.routing.selector import Selector
from container_manager_core.routing.slot import Slot
from container_manager_core.rules import Facts, Rule, RuleSet, TemplateFacts, UserFacts

MOST_KNOWN = 10_000_000
"""Specs times hosts of which is remembered whether the one runs on the other."""
NOWHERE: frozenset[str] = frozenset()

FactsOf = Callable[[Job], Facts]
"""What rules are to know of a job, from whoever knows its template and its user."""


class Router:
    """Decides where jobs run. Safe for several threads.

    In this order: the job's own host, its preferred executor, a plugin's choice, the first rule that matches,
    then weights. A job that asks for a host or an executor waits for it rather than go elsewhere. Among the
    hosts that are meant, those count that are active, answer, have room, can run the spec and have no obstacle.

    Args:
        fleet: the hosts and their health.
        obstacles: each is asked of every host that could otherwise take a job.
        rules: see `Rule`.
        facts_of: gives the facts of a job; without it they are those that `default_facts` gives.
    """

    def __init__(
        self,
        fleet: Fleet,
        obstacles: Sequence[Obstacle] = (),
        rules: Iterable[Rule] = (),
        facts_of: FactsOf | None = None,
    ) -> None:
        self._fleet = fleet
        self._obstacles = tuple(obstacles)
        self._facts_of = facts_of
        self.rules = RuleSet(rules)
        self._asks_plugins = bool(fleet.plugins.hook.container_manager_route.get_hookimpls())
        self._has_rules = bool(self.rules.rules)
        self._is_plain = not (self._asks_plugins or facts_of)
        self._lock = threading.Lock()
        self._views: dict[int, View] = {}
        self._index = HostIndex(fleet, self._views.clear)

    def refresh(self, live: Mapping[str, int]) -> None:
        """Take over how many jobs are on each host, which hosts answer, and which there are.

        To be called before decisions; between two calls the router counts its own.

        Args:
            live: launching and running jobs by host; hosts without any may be missing.
        """
        with self._lock:
            self._index.refresh(live)

    def hosts_changed(self) -> None:
        """The fleet's hosts may be others now. `refresh` sees that too."""
        with self._lock:
            self._index.refresh({name: slot.live for name, slot in self._index.slots.items() if slot.live})

    def free_places(self, only_hosts: frozenset[str] | None = None) -> int:
        """How many jobs the hosts, or only these, can take now."""
        with self._lock:
            if only_hosts is None:
                return self._index.places
            return sum(slot.places for name in only_hosts if (slot := self._index.slots.get(name)) is not None)

    def closed_hosts(self, only_hosts: frozenset[str] | None = None) -> frozenset[str]:
        """The hosts that take no job now, or that are none of these."""
        with self._lock:
            closed = frozenset(self._index.closed)
            return closed if only_hosts is None else closed | (self._index.names - only_hosts)

    @property
    def host_names(self) -> frozenset[str]:
        """All hosts."""
        return self._index.names

    def decide(self, job: Job, now: datetime, avoid: frozenset[str] = NOWHERE) -> Route | Refusal:
        """The route of a job with all its reasons, or why there is none.

        Args:
            now: the time of the decision.
            avoid: hosts to pass over, for example one that has just turned out to be full.
        """
        with self._lock:
            quick = self._choose_at_once(job, now, avoid)
            choice = self._choose_with_care(job, now, avoid) if quick is None else self._as_choice(job, now, *quick)
            return Explanation(self._index, self.rules, job, choice, now).told()

    def choose(self, job: Job, now: datetime, avoid: frozenset[str] = NOWHERE) -> Host | None:
        """The same without the words: the host alone, in microseconds whatever the number of hosts."""
        with self._lock:
            quick = self._choose_at_once(job, now, avoid)
            return self._choose_with_care(job, now, avoid).host if quick is None else quick[0].host

    def give_back(self, host: str) -> None:
        """A job that was to go to a host does not: its place is free again."""
        with self._lock:
            slot = self._index.slots.get(host)
            if slot is not None:
                self._index.give_back(slot)

    def _choose_at_once(self, job: Job, now: datetime, avoid: frozenset[str]) -> tuple[Slot, int] | None:
        """The host and the rule where the next one in turn takes the job, as is usual; None where that is not plain."""
        if avoid or job.attempt or job.requested_host or job.preferred_executor or not self._is_plain:
            return None
        view = self._views.get(id(job.spec)) or self._look_at(job)
        rule, pool = -1, view.pool
        if self._has_rules:
            user = view.user if view.user.name == job.created_by else view.seen_by(job)
            rule = self.rules.first_match(job, view.template, user, now)
            if rule >= 0:
                pool = view.pools[rule] if rule in view.pools else self._narrow(view, rule)
        slot = pool.foremost()
        if slot is None or (slot not in view.fit and why_unfit(self._fleet, view, slot) is not None):
            return None
        for obstacle in self._obstacles:
            if obstacle(job, slot.host, now) is not None:
                return None
        pool.advance()
        self._index.take(slot)
        return slot, rule

    def _as_choice(self, job: Job, now: datetime, slot: Slot, rule: int) -> Choice:
        view = self._view(job)
        return Choice(
            host=slot.host,
            pool=view.pool,
            judge=self._judge(job, view, now),
            narrowed=view.pools[rule] if rule >= 0 else None,
            rule=rule,
            facts=self._facts(job, view),
        )

    def _choose_with_care(self, job: Job, now: datetime, avoid: frozenset[str]) -> Choice:
        """The decision where hosts have to be asked, or the job has wishes."""
        view = self._view(job)
        facts = self._facts(job, view)
        selector = self._selector(job, view, facts)
        pool = view.pool if selector is view.pool.selector else self._index.pool(selector)
        judge = self._judge(job, view, now, avoid)
        slot, by_plugin = None, False
        if self._asks_plugins and not selector.asked:
            slot = self._ask_plugins(job, pool, judge)
            by_plugin = slot is not None
        rule, narrowed = -1, None
        if slot is None:
            if facts is not None and not selector.asked:
                rule = self.rules.first_match(facts.job, facts.template, facts.user, now)
            if rule >= 0:
                narrowed_to = selector.narrowed(self.rules.rules[rule])
                narrowed = self._index.pool(narrowed_to) if narrowed_to is not None else Pool(selector, ())
                slot = self._pick(job, narrowed, judge)
            if slot is None and not (rule >= 0 and self.rules.rules[rule].required):
                slot = self._pick(job, pool, judge)
        if slot is not None:
            self._index.take(slot)
        return Choice(
            host=slot.host if slot is not None else None,
            pool=pool,
            narrowed=narrowed,
            rule=rule,
            facts=facts,
            judge=judge,
            by_plugin=by_plugin,
        )

    def _pick(self, job: Job, pool: Pool, judge: Judge) -> Slot | None:
        """The host whose turn it is; one that failed the job's last attempt only if no other can take it."""
        last = _failed_on(job)
        if last is None:
            return pool.pick(judge)
        return pool.pick(lambda slot: slot.host.name != last and judge(slot)) or pool.pick(judge)

    def _ask_plugins(self, job: Job, pool: Pool, judge: Judge) -> Slot | None:
        eligible = {slot.host.name: slot for slot in pool.members() if slot.obstacle is None and judge(slot)}
        if not eligible:
            return None
        candidates = [self._index.slots[name].host for name in self._index.slots if name in eligible]
        answer = self._fleet.plugins.hook.container_manager_route(job=job, candidates=candidates)
        return eligible.get(getattr(answer, "name", answer))

    def _judge(self, job: Job, view: View, now: datetime, avoid: frozenset[str] = NOWHERE) -> Judge:
        return Judge(
            self._fleet, self._obstacles, job, view, now, dict.fromkeys(avoid, "it has just turned out to be full")
        )

    def _selector(self, job: Job, view: View, facts: Facts | None) -> Selector:
        """The hosts that the job may run on."""
        supported = view.template.supported_executors if facts is None else facts.template.supported_executors
        if supported == view.template.supported_executors:
            return view.pool.selector.wished(job)
        return Selector.of_spec(job.spec, supported).wished(job)

    def _facts(self, job: Job, view: View) -> Facts | None:
        """What the rules are asked with; None when nothing has to be known."""
        if self._facts_of is not None:
            return self._facts_of(job)
        return Facts(job=job, template=view.template, user=UserFacts.of_job(job)) if self._has_rules else None

    def _view(self, job: Job) -> View:
        return self._views.get(id(job.spec)) or self._look_at(job)

    def _look_at(self, job: Job) -> View:
        """What is to be known of a spec that is new."""
        if len(self._views) * len(self._index.slots) >= MOST_KNOWN:
            self._views.clear()
        template = TemplateFacts.of_spec(job.spec)
        pool = self._index.pool(Selector.of_spec(job.spec, template.supported_executors))
        view = View(spec=job.spec, template=template, user=UserFacts.of_job(job), pool=pool)
        self._views[id(job.spec)] = view
        return view

    def _narrow(self, view: View, rule: int) -> Pool:
        selector = view.pool.selector.narrowed(self.rules.rules[rule])
        pool = view.pools[rule] = self._index.pool(selector) if selector is not None else Pool(view.pool.selector, ())
        return pool


def _failed_on(job: Job) -> str | None:
    """The host that failed the job's last attempt through no fault of the job's."""
    if job.execution is None or job.failure is None or job.failure.kind not in INFRASTRUCTURE:
        return None
    return job.execution.host
