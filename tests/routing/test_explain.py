"""The whole text of ``container-manager explain``, of a decision that a real worker stored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cli.conftest import CommandLine
from routing.fleets import Executors

from container_manager_core import Budget, Config, ContainerManager, ContainerSpec, Host, Plugins, Policy, Resources
from container_manager_core.assembly import assemble_worker
from container_manager_core.clock import VirtualClock
from container_manager_core.executors.mock import MockPlatform, Outcome
from container_manager_core.lanes import InlineLanes
from container_manager_core.rules import Rule
from container_manager_core.store import open_store
from container_manager_core.worker import Worker

EU = {"region": "eu"}
FOREVER = Outcome(duration_seconds=float("inf"))


class World:
    """A store on disk that a worker in this process and the command line share."""

    def __init__(self, folder: Path, hosts: Sequence[Host], **facts: Any) -> None:
        self.command_line = CommandLine(folder, 'store = "sqlite:///jobs.sqlite3"\n')
        self.clock = VirtualClock()
        self.config = Config(
            store=f"sqlite:///{folder / 'jobs.sqlite3'}", hosts={host.name: host for host in hosts}, **facts
        )
        self.manager = ContainerManager(
            self.config,
            store=open_store(self.config.store, clock=self.clock),
            plugins=Plugins([("executors", Executors())]),
            clock=self.clock,
        )

    def submit(self, host: str | None = None, **facts: Any) -> UUID:
        return self.manager.submit(ContainerSpec(**{"image": "alpine", **facts}), host=host).id

    def worker(self, policy: Policy | None = None) -> Worker:
        return assemble_worker(
            store=self.manager.store,
            fleet=self.manager.fleet,
            plugins=self.manager.plugins,
            secrets=self.manager.secrets,
            settings=self.config.worker,
            clock=self.clock,
            lanes=InlineLanes(),
            budgets=self.config.budgets,
            rules=self.config.rules,
            policy=policy,
        )

    def work(self, worker: Worker) -> None:
        for _ in range(4):
            worker.step()

    def explain(self, job_id: UUID) -> list[str]:
        told = self.command_line("explain", str(job_id))
        assert (told.code, told.stderr) == (0, "")
        return told.stdout.splitlines()


@pytest.fixture
def world_of(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*hosts: Host, **facts: Any) -> World:
        made.append(World(tmp_path, hosts, **facts))
        return made[-1]

    yield make
    for world in made:
        with closing(world.command_line):
            world.manager.close()


def test_with_every_host_but_one_out_the_job_goes_to_the_one_and_each_reason_is_one_readable_line(
    world_of: Callable[..., World],
) -> None:
    dead = MockPlatform(outcome=FOREVER)
    dead.is_reachable = False

    def host(name: str, executor: str = "docker", **facts: Any) -> Host:
        return Host(**{"name": name, "executor": executor, "labels": EU, **facts})

    world = world_of(
        host("full", max_concurrent_jobs=1, config={"platform": MockPlatform(outcome=FOREVER)}),
        host("dead", config={"platform": dead}),
        host("poor", cost_per_hour=10),
        host("small", config={"memory_mib": 256}),
        host("idle", active=False),
        host("strange", "kubernetes"),
        host("unsupported", "scaleway"),
        host("by-hand", "manual"),
        host("abroad", labels={"region": "us"}),
        host("good", weight=1),
        budgets=[Budget(cap="2.5", host="poor", period="day")],
        rules=[
            Rule(condition="template.memory_limit > 8192", executor="fargate", reason="High memory requirement"),
            Rule(condition='labels.get("data") == "eu"', labels=EU, required=True, reason="Data stays in its region"),
        ],
    )
    worker = world.worker()
    world.submit("full")
    world.work(worker)
    jobs = [
        world.submit(
            resources=Resources(memory_mib=512),
            timeout_seconds=3600,
            labels={"data": "eu", "supported-executors": "docker,fargate,cloudrun,kubernetes,manual"},
        )
        for _ in range(2)
    ]
    world.work(worker)
    for job_id in jobs:
        lines = world.explain(job_id)
        wanted = "cloudrun or docker or fargate or kubernetes or manual"
        assert lines == [
            f"job {job_id}  running on good",
            "decision: host good: Data stays in its region (rule 2) (2030-01-01 00:00:00Z)",
            "rules:",
            "  1 no match  template.memory_limit > 8192 -> executor fargate (High memory requirement)",
            '  2 matched  labels.get("data") == "eu" -> hosts labelled region=eu (Data stays in its region)',
            "hosts:",
            "  - full         it is full (1 jobs)",
            "  - dead         the mock platform does not answer; set is_reachable to True",
            "  - poor         it may cost 10.00, and the budget of 2.50 a day for host poor has 2.50 left",
            "  - small        resources.memory_mib: 512 MiB are more than the 256 MiB of this host; "
            "ask for less, or raise the host's option memory_mib",
            "  - idle         it is not active",
            "  - strange      no installed distribution brings the executor 'kubernetes'; "
            "pip install container-manager-kubernetes",
            f"  - unsupported  the job asks for executor {wanted}",
            "  - by-hand      manual runs only jobs that ask for it",
            "  - abroad       rule 2 (Data stays in its region) requires hosts labelled region=eu",
            "  > good         Data stays in its region (rule 2)",
        ]


def test_a_job_that_the_policy_no_longer_allows_says_the_rule(world_of: Callable[..., World]) -> None:
    world = world_of(Host(name="good", executor="docker"))
    job_id = world.submit(privileged=True)
    assert world.explain(job_id) == [
        f"job {job_id}  pending on no host",
        "no decision yet: no worker has looked at it",
    ]
    world.work(world.worker(Policy(forbidden=["privileged"])))
    assert world.explain(job_id) == [
        f"job {job_id}  failed on no host",
        "ended: policy: policy.forbidden: 'privileged' is forbidden; do without it",
        "no decision was needed",
    ]
