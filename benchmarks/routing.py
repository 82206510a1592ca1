"""How long a routing decision takes, beside a naive scan of hosts and rules that decides alike.

python benchmarks/routing.py [--quick]
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from uuid import UUID

import attrs
from measuring.figure import Figure, options, show

from container_manager_core import ContainerSpec, Host, Job, Plugins, Resources
from container_manager_core.clock import SystemClock
from container_manager_core.executor import ExecutorType
from container_manager_core.executors.mock.executor_type import MOCK
from container_manager_core.fleet import Fleet
from container_manager_core.hookspecs import hookimpl
from container_manager_core.routing import Router
from container_manager_core.rules import Facts, Rule, default_facts

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
SETTINGS = ((10, 0, 2.0), (1_000, 100, 10.0), (100_000, 100, 20.0))
"""Hosts, rules, and the microseconds that a decision may take."""

ROUNDS = 25
DECISIONS = 4_000
EXECUTORS = ("docker", "fargate", "cloudrun", "scaleway")


class Executors:
    """Four executors that hosts may have."""

    @hookimpl
    def container_manager_executors(self) -> Sequence[ExecutorType]:
        return [attrs.evolve(MOCK, name=name, automatic=True) for name in EXECUTORS]


def fleet_of(hosts: int) -> Fleet:
    """So many hosts of four executors, in four regions, of weight 50 to 200."""
    made = (
        Host(
            name=f"host-{number}",
            executor=EXECUTORS[number % 4],
            weight=50 + 50 * (number % 4),
            max_concurrent_jobs=1_000_000,
            labels={"region": f"region-{number % 5}"},
        )
        for number in range(hosts)
    )
    plugins = Plugins([("benchmark", Executors())])
    fleet = Fleet({host.name: host for host in made}, plugins, "benchmark", SystemClock())
    for name in fleet.hosts:  # as in a worker that has launched something on each before
        fleet.executor(name)
    return fleet


def rules_of(number: int) -> list[Rule]:
    """The design's three kinds of rules, and two more; the last ones match most of the jobs."""
    kinds = (
        lambda n: (f"template.memory_limit > {9000 + n}", "fargate"),
        lambda n: (f'user.groups.filter(name="premium-{n}").exists()', "cloudrun"),
        lambda n: (f'template.name.startswith("batch-{n}-")', "scaleway"),
        lambda n: (f'labels.get("team") == "team-{n}"', "docker"),
        lambda n: (f"resources.cpus > {n} and job.priority > 90", "fargate"),
    )
    written = [kinds[n % 5](n) for n in range(number)]
    return [
        Rule(condition=condition, executor=executor, reason=f"rule for {condition}") for condition, executor in written
    ]


def jobs() -> list[Job]:
    """Jobs of fifty templates and ten groups; one in ten has no memory limit, some match a rule."""
    specs = [
        ContainerSpec(
            image="registry.example/app:1",
            labels={"template": f"batch-{n}-x", "team": f"team-{3 * n}", "groups": f"premium-{2 * n},staff"},
            resources=Resources(memory_mib=None if n % 10 == 0 else 64 + 200 * n, cpus=0.5 * (1 + n % 4)),
        )
        for n in range(50)
    ]
    return [
        Job(id=UUID(int=n), spec=specs[n % 50], name=f"job {n}", created_at=NOW, queued_at=NOW, created_by="somebody")
        for n in range(2_000)
    ]


class NaiveRouter:
    """Decides alike, by looking at every rule and every host."""

    def __init__(self, fleet: Fleet, rules: Sequence[Rule]) -> None:
        self._fleet = fleet
        self._rules = [
            (compile(rule.checked.expression, "rule", "eval"), rule) for rule in rules if rule.checked is not None
        ]
        self._live = dict.fromkeys(fleet.hosts, 0)
        self._shares = dict.fromkeys(fleet.hosts, 0)

    def choose(self, job: Job, now: datetime) -> Host:
        facts = default_facts(job)
        executor = next((rule.executor for code, rule in self._rules if self._holds(code, rule, facts, now)), None)
        eligible = [
            host
            for host in self._fleet.hosts.values()
            if host.active
            and self._live[host.name] < host.max_concurrent_jobs
            and executor in (None, host.executor)
            and self._fleet.state(host.name).usable
        ]
        for host in eligible:
            self._shares[host.name] += host.weight
        best = max(eligible, key=lambda host: self._shares[host.name])
        self._shares[best.name] -= sum(host.weight for host in eligible)
        self._live[best.name] += 1
        return best

    def _holds(self, code: object, rule: Rule, facts: Facts, now: datetime) -> bool:
        values = {"job": facts.job, "template": facts.template, "user": facts.user, "now": now}
        for name, path in rule.checked.reads.items():  # type: ignore[union-attr]
            value = values[path[0]]
            for part in path[1:]:
                value = getattr(value, part)
            values[name] = value
        try:
            return bool(eval(code, values))  # type: ignore[call-overload]
        except TypeError:
            return False


def microseconds(decide: Callable[[Job, datetime], object], jobs: Iterator[Job], decisions: int) -> float:
    """One decision, the mean of so many."""
    began = time.perf_counter()
    for _ in range(decisions):
        decide(next(jobs), NOW)
    return (time.perf_counter() - began) / decisions * 1e6


def empty(job: Job, now: datetime) -> None:
    """What the loop itself costs."""


def main() -> int:
    """Measure in turn, print the table; 1 when a decision took longer than it may."""
    print("microseconds, best of the rounds; 'told' is the same with all its reasons in words, as it is stored")
    print(f"{'hosts':>8} {'rules':>6} {'limit':>6} {'decision':>9} {'told':>8} {'naive scan':>11} {'ratio':>7}")
    missed = False
    rounds = 3 if options(__doc__).parse_args().quick else ROUNDS
    found = []
    for hosts, rules, limit in SETTINGS:
        fleet = fleet_of(hosts)
        router, naive = Router(fleet, rules=rules_of(rules)), NaiveRouter(fleet, rules_of(rules))
        stream = cycle(jobs())
        few = max(2, min(500, 200_000 // (hosts + 100 * rules)))
        loop = min(microseconds(empty, stream, DECISIONS) for _ in range(rounds))
        microseconds(router.choose, stream, DECISIONS)
        decision = words = scan = float("inf")
        for _ in range(rounds):
            decision = min(decision, microseconds(router.choose, stream, DECISIONS) - loop)
            words = min(words, microseconds(router.decide, stream, 500) - loop)
            scan = min(scan, microseconds(naive.choose, stream, few) - loop)
        missed = missed or decision > limit
        print(
            f"{hosts:>8} {rules:>6} {limit:>6.0f} {decision:>9.2f} {words:>8.1f} {scan:>11.1f} {scan / decision:>7.0f}"
        )
        found.append(
            Figure(
                what=f"a routing decision among {hosts:,} hosts with {rules} rules, beside a naive scan",
                ours=f"{words:.1f} us with its reasons in words",
                beside=f"{scan:.1f} us",
                value=decision,
                unit="us",
                most=limit,
            )
        )
    for figure in found:
        show(figure)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
