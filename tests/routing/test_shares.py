"""Weights: shares in proportion, and no host beyond its capacity, whatever comes and goes."""

import random
from collections import Counter

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from routing.fleets import NOW, ChangingFleet, fleet_of, host, job

from container_manager_core import Host
from container_manager_core.routing import Router


def test_ten_thousand_jobs_are_shared_two_to_one_while_other_hosts_come_and_go() -> None:
    chance = random.Random(6)
    steady = (
        host("heavy", weight=200, max_concurrent_jobs=20_000),
        host("light", weight=100, max_concurrent_jobs=20_000),
    )
    fleet = fleet_of(*steady)
    router = Router(fleet)
    wanted, counts = job(), Counter[str]()
    while counts["heavy"] + counts["light"] < 10_000:
        if chance.random() < 0.05:
            passing = [
                host(f"guest-{number}", weight=chance.randint(1, 1000)) for number in range(chance.randint(0, 3))
            ]
            fleet.configure(*steady, *passing)
        router.refresh({name: counts[name] for name in ("heavy", "light")})
        chosen = router.choose(wanted, NOW)
        assert chosen is not None
        counts[chosen.name] += 1
    assert abs(counts["heavy"] / counts["light"] - 2) <= 0.02
    assert len(counts) > 2, "guests took jobs too"


def test_shares_hold_while_the_two_hosts_themselves_fail_and_fill_up_and_come_back() -> None:
    """Counted is only what was decided while both could take a job."""
    chance = random.Random(7)
    fleet = fleet_of(
        host("heavy", weight=200, max_concurrent_jobs=40), host("light", weight=100, max_concurrent_jobs=40)
    )
    router, wanted = Router(fleet), job()
    live, counts = Counter[str](), Counter[str]()
    while sum(counts.values()) < 10_000:
        for name in live:
            live[name] = max(0, live[name] - chance.choice((0, 0, 1, 2)))
        if chance.random() < 0.02:
            fleet.note_failure(chance.choice(("heavy", "light")), "no answer")
        elif chance.random() < 0.2:
            fleet.note_success("heavy")
            fleet.note_success("light")
        router.refresh(live)
        both = not router.closed_hosts()
        chosen = router.choose(wanted, NOW)
        if chosen is None:
            continue
        live[chosen.name] += 1
        assert live[chosen.name] <= chosen.max_concurrent_jobs
        counts[chosen.name] += both
    assert abs(counts["heavy"] / counts["light"] - 2) <= 0.02


def test_a_new_host_takes_its_share_from_now_on_and_nothing_for_the_past() -> None:
    old = host("old", max_concurrent_jobs=100_000)
    fleet = fleet_of(old)
    router, wanted = Router(fleet), job()
    for _ in range(1000):
        router.choose(wanted, NOW)
    fleet.configure(old, host("new", max_concurrent_jobs=100_000))
    router.hosts_changed()
    chosen = Counter(found.name for _ in range(100) if (found := router.choose(wanted, NOW)) is not None)
    assert chosen == {"old": 50, "new": 50}


def test_what_was_decided_and_not_stored_takes_no_place_after_the_next_refresh() -> None:
    router = Router(fleet_of(host("a", max_concurrent_jobs=2), host("b", max_concurrent_jobs=2)))
    for _ in range(4):
        assert router.choose(job(), NOW) is not None
    assert (router.free_places(), router.closed_hosts()) == (0, {"a", "b"})
    router.give_back("b")
    assert (router.free_places(), router.closed_hosts()) == (1, {"a"})
    router.refresh({"b": 1})
    assert (router.free_places(), router.closed_hosts()) == (3, frozenset())
    router.refresh({})
    assert router.free_places() == 4


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.integers(1, 400))
@settings(max_examples=60)
def test_each_host_has_had_its_share_to_within_one_job_for_each_host(weights: list[int], jobs: int) -> None:
    hosts = [host(f"h{number}", weight=weight, max_concurrent_jobs=1000) for number, weight in enumerate(weights)]
    router, wanted = Router(fleet_of(*hosts)), job()
    chosen = Counter(found.name for _ in range(jobs) if (found := router.choose(wanted, NOW)) is not None)
    assert chosen.total() == jobs
    for each in hosts:
        for other in hosts:
            ahead = chosen[each.name] / each.weight - chosen[other.name] / other.weight
            assert ahead <= 1 / each.weight + 1 / other.weight + 1e-9


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 40))
@settings(max_examples=60)
def test_as_many_jobs_find_a_host_as_there_are_places(capacities: list[int], jobs: int) -> None:
    hosts = [host(f"h{number}", max_concurrent_jobs=places) for number, places in enumerate(capacities)]
    router, wanted = Router(fleet_of(*hosts)), job()
    chosen = Counter(found.name for _ in range(jobs) if (found := router.choose(wanted, NOW)) is not None)
    assert chosen.total() == min(jobs, sum(capacities))
    assert all(chosen[each.name] <= each.max_concurrent_jobs for each in hosts)
    assert router.free_places() == sum(capacities) - chosen.total()


class Changes(RuleBasedStateMachine):
    """Whatever changes in whatever order, the router knows what a look at every host would tell."""

    fleet: ChangingFleet
    router: Router

    @initialize()
    def begin(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.live: Counter[str] = Counter()
        self.fleet = fleet_of()
        self.router = Router(self.fleet)

    @rule(
        name=st.sampled_from("abcde"),
        weight=st.integers(1, 1000),
        places=st.integers(1, 4),
        executor=st.sampled_from(("docker", "fargate", "unknown")),
        active=st.booleans(),
    )
    def configure(self, name: str, weight: int, places: int, executor: str, active: bool) -> None:
        self.hosts[name] = host(name, executor, weight=weight, max_concurrent_jobs=places, active=active)
        self.fleet.configure(*self.hosts.values())
        self.router.refresh(self.live)

    @precondition(lambda self: self.hosts)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        del self.hosts[data.draw(st.sampled_from(sorted(self.hosts)))]
        self.fleet.configure(*self.hosts.values())
        self.router.refresh(self.live)

    @precondition(lambda self: self.hosts)
    @rule(data=st.data(), fails=st.booleans())
    def change_health(self, data: st.DataObject, fails: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.hosts)))
        if fails:
            self.fleet.note_failure(name, "no answer")
        else:
            self.fleet.note_success(name)
        self.router.refresh(self.live)

    @rule(executor=st.sampled_from((None, "docker", "fargate")))
    def send(self, executor: str | None) -> None:
        fits = {name for name in self.open_hosts() if executor in (None, self.hosts[name].executor)}
        chosen = self.router.choose(attrs.evolve(job(), preferred_executor=executor), NOW)
        assert (chosen is not None) == bool(fits)
        if chosen is not None:
            assert chosen.name in fits
            self.live[chosen.name] += 1

    @rule(name=st.sampled_from("abcde"))
    def finish(self, name: str) -> None:
        self.live[name] = max(0, self.live[name] - 1)
        self.router.refresh(self.live)

    @rule(executor=st.sampled_from((None, "docker")))
    def explain(self, executor: str | None) -> None:
        decision = self.router.decide(attrs.evolve(job(), preferred_executor=executor), NOW)
        chosen = getattr(decision, "host", None)
        if chosen is not None:
            self.live[chosen] += 1

    def open_hosts(self) -> set[str]:
        return {
            name
            for name, each in self.hosts.items()
            if each.active
            and each.executor != "unknown"
            and self.fleet.state(name).usable
            and self.live[name] < each.max_concurrent_jobs
        }

    @invariant()
    def knows_which_hosts_are_open(self) -> None:
        assert self.router.host_names == frozenset(self.hosts)
        assert self.router.host_names - self.router.closed_hosts() == self.open_hosts()
        places = sum(self.hosts[name].max_concurrent_jobs - self.live[name] for name in self.open_hosts())
        assert self.router.free_places() == places


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
