"""The example rules as a project's settings, over the real executors: each says where it would run what."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.test import override_settings

from container_manager.manager import get_manager, reset
from container_manager.models import ContainerJob, ContainerTemplate
from container_manager_core import lifecycle
from container_manager_core.job import JobStatus, Route
from container_manager_core.routing import Router
from container_manager_core.store.protocol import Claim, Record

EXECUTORS: dict[str, Any] = {
    "docker": {"hosts": {"engine": {"base_url": "tcp://127.0.0.1:9"}}},
    "fargate": {
        "hosts": ["aws"],
        "region": "eu-west-1",
        "subnets": ["subnet-1"],
        "execution_role_arn": "arn:aws:iam::123456789012:role/jobs",
    },
    "cloudrun": {"hosts": ["gcp"], "project": "a-project", "region": "europe-west1", "credentials": "anonymous"},
    "scaleway": {"hosts": ["scw"], "project_id": "9b5b1e3e-1111-4222-8333-444455556666", "region": "fr-par"},
}
RULES = [
    {"condition": "template.memory_limit > 8192", "executor": "fargate", "reason": "High memory requirement"},
    {
        "condition": 'user.groups.filter(name="premium").exists()',
        "executor": "cloudrun",
        "reason": "Premium user",
    },
    {"condition": 'template.name.startswith("batch-")', "executor": "scaleway", "reason": "Batch work"},
    {"condition": "True", "executor": "docker", "reason": "All else"},
]


JOBS = (
    ("batch-large", 16384, ["premium"], "aws", "High memory requirement (rule 1)"),
    ("batch-night", 512, ["staff", "premium"], "gcp", "Premium user (rule 2)"),
    ("batch-day", 512, ["staff"], "scw", "Batch work (rule 3)"),
    ("report", 512, [], "engine", "All else (rule 4)"),
)
"""Name and memory of the template, groups of the user; the host, and why."""


def test_the_example_rules_send_jobs_where_they_say_and_the_reason_stands_on_the_job(tmp_path: Path) -> None:
    for name, value in (("access_key", "SCW00000000000000000"), ("secret_key", str(uuid4()))):
        (tmp_path / name).write_text(value)
    keys = {name: f"secret://file{tmp_path / name}" for name in ("access_key", "secret_key")}
    executors = {**EXECUTORS, "scaleway": {**EXECUTORS["scaleway"], **keys}}
    with override_settings(USE_EXECUTOR_FACTORY=True, CONTAINER_EXECUTORS=executors, EXECUTOR_ROUTING_RULES=RULES):
        reset()
        made = [submitted(*job[:3]) for job in JOBS]
        assert {job.docker_host_id for job in made} == {None}
        decide()
        for job in made:
            job.refresh_from_db()
    reset()
    assert [(job.host_name, job.routing_reason) for job in made] == [job[3:] for job in JOBS]


def submitted(template: str, memory_limit: int, groups: list[str]) -> ContainerJob:
    user = User.objects.create(username=template)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    made_from = ContainerTemplate.objects.create(name=template, docker_image="app", memory_limit=memory_limit)
    return ContainerJob.objects.create(template=made_from, created_by=user)


def decide() -> None:
    """Store where each job goes, as a worker does before it calls a platform."""
    manager = get_manager()
    store, now = manager.store, manager.clock.now()
    router = Router(manager.fleet, rules=manager.config.rules)
    store.heartbeat("a worker", 60)
    records = []
    for job in store.claim(Claim(worker="a worker", limit=10)):
        route = router.decide(job, now)
        assert isinstance(route, Route), route
        launching = lifecycle.launching(job, manager.fleet.host(route.host or ""), route, now)
        records.append(Record(job=launching, expect=JobStatus.PENDING))
    assert set(store.record_many(records)) == {"stored"}
