"""What a policy lets through: when a job is submitted, and again before each launch."""

import pickle
from typing import Any

import attrs
import pytest
from worker.simulation import Simulation

from container_manager_core import (
    ContainerSpec,
    FailureKind,
    InvalidInput,
    Job,
    JobQuery,
    JobStatus,
    Mount,
    Policy,
    PolicyRefusal,
    Port,
    Resources,
    hookimpl,
)

SPEC = ContainerSpec(image="alpine")


def broken(policy: Policy, **facts: Any) -> list[tuple[str, str]]:
    """The rules that a spec breaks, and where."""
    found = policy.violations(ContainerSpec(**{"image": "alpine", **facts}))
    return [(each.rule.removeprefix("policy."), each.place) for each in found]


@pytest.mark.parametrize(
    ("pattern", "image", "allowed"),
    [
        ("alpine", "alpine", True),
        ("alpine", "alpine:3.20", True),
        ("alpine", "alpine@sha256:" + "0" * 64, True),
        ("alpine", "alpine-evil", False),
        ("alpine", "registry.example/alpine", False),
        ("alpine:3.*", "alpine:3.20", True),
        ("alpine:3.*", "alpine:4", False),
        ("alpine:3.*", "alpine", False),
        ("registry.example/team/*", "registry.example/team/app:1", True),
        ("registry.example/team/*", "registry.example/team/deep/app", False),
        ("registry.example/**", "registry.example/team/deep/app:1", True),
        ("registry.example/**", "registry.example.evil/app", False),
        ("registryXexample/*", "registry.example/app", False),
        ("registry.example:5000/*", "registry.example:5000/app:1", True),
        ("*/app@sha256:*", "team/app@sha256:" + "0" * 64, True),
        ("*/app@sha256:*", "team/app:1", False),
    ],
)
def test_an_image_has_to_match_a_pattern_to_its_end(pattern: str, image: str, allowed: bool) -> None:
    assert broken(Policy(allowed_images=[pattern]), image=image) == ([] if allowed else [("allowed_images", "image")])


@pytest.mark.parametrize(
    ("policy", "facts", "rules"),
    [
        ({"required_limits": ["memory", "timeout"]}, {}, ["resources.memory_mib", "timeout_seconds"]),
        ({"required_limits": ["memory"]}, {"resources": Resources(memory_mib=64)}, []),
        ({"required_limits": ["cpus", "pids", "max_cost"]}, {}, ["resources.cpus", "resources.pids", "max_cost"]),
        ({"max_memory_mib": 512}, {"resources": Resources(memory_mib=513)}, ["resources.memory_mib"]),
        ({"max_memory_mib": 512}, {"resources": Resources(memory_mib=512)}, []),
        ({"max_memory_mib": 512}, {}, ["resources.memory_mib"]),
        ({"max_cpus": 0.5}, {"resources": Resources(cpus=1)}, ["resources.cpus"]),
        ({"max_timeout_seconds": 60}, {"timeout_seconds": 61}, ["timeout_seconds"]),
        ({"forbidden": ["privileged"]}, {"privileged": True}, ["privileged"]),
        ({"forbidden": ["new-privileges"]}, {"allow_new_privileges": True}, ["allow_new_privileges"]),
        ({"forbidden": ["capabilities"]}, {"add_capabilities": ["NET_ADMIN"]}, ["add_capabilities"]),
        ({"forbidden": ["host-network"]}, {"networks": ["bridge", "host"]}, ["networks"]),
        ({"forbidden": ["host-network"]}, {"networks": ["container:x"]}, ["networks"]),
        ({"forbidden": ["host-network"]}, {"networks": ["hostnames"]}, []),
        ({"forbidden": ["bind-mounts"]}, {"mounts": [Mount(target="/a", source="/b")]}, ["mounts"]),
        ({"forbidden": ["bind-mounts"]}, {"mounts": [Mount(target="/a", kind="volume", source="b")]}, []),
        ({"forbidden": ["ports"]}, {"ports": [Port(container_port=80)]}, ["ports"]),
        ({"forbidden": ["root"]}, {}, ["user"]),
        ({"forbidden": ["root"]}, {"user": "0:1000"}, ["user"]),
        ({"forbidden": ["root"]}, {"user": "000"}, ["user"]),
        ({"forbidden": ["root"]}, {"user": "1000"}, []),
    ],
)
def test_each_rule_refuses_what_breaks_it_and_nothing_else(
    policy: dict[str, Any], facts: dict[str, Any], rules: list[str]
) -> None:
    assert [place for _, place in broken(Policy(**policy), **facts)] == rules
    assert [rule for rule, _ in broken(Policy(**policy), **facts)] == list(policy)[:1] * len(rules)


def test_a_refusal_at_submission_names_the_rule_and_stores_nothing() -> None:
    world = Simulation(policy=Policy(max_memory_mib=512))
    with pytest.raises(PolicyRefusal) as refused:
        world.submit(resources=Resources(memory_mib=1024))
    assert str(refused.value) == (
        "resources.memory_mib: 1024 MiB is more than the 512 MiB that are allowed; set at most 512"
        " (policy.max_memory_mib)"
    )
    copied = pickle.loads(pickle.dumps(refused.value))
    assert (str(copied), copied.rule) == (str(refused.value), "policy.max_memory_mib")
    assert world.manager.list() == []


def test_a_job_that_was_accepted_under_another_policy_is_not_launched() -> None:
    world = Simulation()
    job_id = world.submit(privileged=True)
    world.policy = Policy(forbidden=["privileged"])
    world.run(world.worker())
    job = world.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 0)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.POLICY
    assert job.failure.message == "policy.forbidden: 'privileged' is forbidden; do without it"
    assert world.platform.starts == []


class Rules:
    """A plugin's own policy."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Job] = []

    @hookimpl
    def container_manager_policy(self, job: Job) -> str | None:
        self.asked.append(job)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_plugins_extend_the_policy() -> None:
    silent, strict = Rules(None), Rules("rule 7: no jobs on Sundays")
    world = Simulation(plugins=[silent, strict])
    with pytest.raises(PolicyRefusal, match="rule 7: no jobs on Sundays"):
        world.submit()
    strict.answer = None
    job_id = world.submit()
    strict.answer = "rule 8: no jobs on Mondays"
    world.run(world.worker())
    job = world.job(job_id)
    assert job.failure is not None
    assert job.failure.kind is FailureKind.POLICY
    assert "rule 8" in job.failure.message
    assert [each.id for each in silent.asked][-1] == job_id


def test_a_plugin_that_cannot_judge_lets_nothing_through_and_loses_nothing() -> None:
    rules = Rules(None)
    world = Simulation(plugins=[rules])
    job_id = world.submit()
    rules.answer = OSError("the policy server is away")
    with pytest.raises(PolicyRefusal, match="the policy server is away"):
        world.submit()
    worker = world.worker()
    world.run(worker, seconds=10)
    waiting = world.job(job_id)
    assert waiting.status is JobStatus.PENDING
    assert waiting.waiting is not None
    assert "could not judge the job" in waiting.waiting
    rules.answer = None
    world.run(worker, seconds=10)
    assert world.job(job_id).status is JobStatus.COMPLETED


def test_an_operation_on_too_many_jobs_changes_nothing() -> None:
    world = Simulation(policy=Policy(max_jobs=3))
    with pytest.raises(PolicyRefusal, match=r"4 jobs are more than the 3 .*split it up \(policy.max_jobs\)"):
        world.manager.submit_many([SPEC] * 4)
    assert world.manager.list() == []
    for _ in range(2):
        world.manager.submit_many([SPEC] * 2)
    for change in (
        lambda: world.manager.bulk.cancel(JobQuery()),
        lambda: world.manager.bulk.move(JobQuery(), "mock"),
    ):
        with pytest.raises(PolicyRefusal):
            change()
    assert {job.status for job in world.manager.list()} == {JobStatus.PENDING}
    assert {job.requested_host for job in world.manager.list()} == {None}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"required_limits": ["memory_mib"]}, "required_limits: 'memory_mib' is not known here; use one of 'memory'"),
        ({"forbidden": ["root", 5]}, "forbidden: 5 is not known here"),
        ({"forbidden": "root"}, "'root' stands where a list is meant"),
        ({"forbidden": None}, "None stands where a list is meant"),
        ({"allowed_images": [""]}, "allowed_images[0]: '' is no usable text"),
        ({"max_cpus": "two"}, "max_cpus: 'two' is out of range"),
        ({"max_jobs": 0}, "max_jobs: 0 is out of range"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Policy(**facts)
    assert message in str(refused.value)


def test_a_secret_is_not_shown_to_the_policy_in_clear() -> None:
    rules = Rules("no")
    world = Simulation(plugins=[rules])
    spec = attrs.evolve(SPEC, secrets={"TOKEN": "hunter2-in-clear"})
    with pytest.raises(PolicyRefusal):
        world.manager.submit(spec)
    assert "hunter2-in-clear" not in repr(rules.asked[0].spec.secrets["TOKEN"].text)
