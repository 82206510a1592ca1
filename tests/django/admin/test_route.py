"""The panel of a job's page says of its route what the command ``explain`` says."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.test import override_settings

PAGE = "/admin/container_manager/containerjob/{}/change/"


@pytest.fixture
def _routing() -> Iterator[None]:
    from container_manager.manager import reset

    reset()
    rules = [
        {"condition": "template.memory_limit > 8192", "executor": "mock", "reason": "High memory requirement"},
        {"condition": 'job.name.startswith("batch-<")', "host": "good", "reason": "Batch & work"},
    ]
    with override_settings(USE_EXECUTOR_FACTORY=True, EXECUTOR_ROUTING_RULES=rules):
        yield
    reset()


def work() -> None:
    from container_manager.manager import become_worker

    become_worker().worker().run(once=True)


def text_of(page: str) -> str:
    """What a person reads, in one line."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


@pytest.mark.usefixtures("_routing")
def test_the_panel_tells_the_rules_and_why_each_host_was_passed_over(superuser: Any) -> None:
    from container_manager.manager import get_manager
    from container_manager.models import ContainerJob, ExecutorHost
    from container_manager_core.routing.report import decision_sentence

    ExecutorHost.objects.create(name="good", executor_type="mock")
    ExecutorHost.objects.create(name="resting", executor_type="docker", is_active=False)
    job = ContainerJob.objects.create(name="batch-<1>", image="app")
    work()
    page = superuser.get(PAGE.format(job.pk)).content.decode()
    route = get_manager().get(job.pk).route
    assert route is not None
    told = text_of(page)
    assert decision_sentence(route).startswith("host good: Batch & work (rule 2) (")
    assert decision_sentence(route) in told
    assert (
        "1 no answer: template.memory_limit is not set template.memory_limit > 8192 executor mock "
        'High memory requirement 2 matched job.name.startswith("batch-<") host good Batch & work'
    ) in told
    assert "good chosen Batch & work (rule 2) resting passed over it is not active" in told


@pytest.mark.usefixtures("_routing")
def test_the_panel_of_a_job_that_waits_says_why_and_names_no_host_as_chosen(superuser: Any) -> None:
    """Also in the fragment that an open page asks for, as soon as the decision is another."""
    from container_manager.models import ContainerJob, ExecutorHost

    ExecutorHost.objects.create(name="good", executor_type="mock", is_active=False)
    job = ContainerJob.objects.create(name="batch-<1>", image="app")
    before = superuser.get(PAGE.format(job.pk)).content.decode()
    assert "Route" not in text_of(before)
    (address,) = re.findall(r'hx-get="([^"]*)"', before)
    work()
    for page in (superuser.get(PAGE.format(job.pk)), superuser.get(unescape(address))):
        told = text_of(page.content.decode())
        assert "Route no host can take it: good: it is not active (20" in told
        assert "good passed over it is not active" in told
        assert "None" not in told
        assert "chosen" not in told
