"""Budgets, policy and secrets that stand in the project's settings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import override_settings


@pytest.fixture
def settings_of() -> Iterator[Callable[..., None]]:
    """Sets keys of CONTAINER_MANAGER, and other settings, for the rest of the test."""
    from container_manager.manager import reset

    with ExitStack() as stack:

        def put(extra: Any = None, **given: Any) -> None:
            reset()
            stack.enter_context(override_settings(CONTAINER_MANAGER=given, **(extra or {})))

        yield put


def test_a_job_that_the_policy_refuses_is_not_stored(settings_of: Any) -> None:
    from django.core.exceptions import ValidationError

    from container_manager.models import ContainerJob

    settings_of(POLICY={"allowed_images": ["registry.example/**"], "max_memory_mib": 512})
    with pytest.raises(ValidationError, match=r"registry\.example") as refused:
        ContainerJob.objects.create(image="elsewhere/app", memory_limit=128)
    assert list(refused.value.message_dict) == ["image"]
    with pytest.raises(ValidationError) as refused:
        ContainerJob.objects.create(image="registry.example/app", memory_limit=1024)
    assert list(refused.value.message_dict) == ["memory_limit"]
    assert not ContainerJob.objects.exists()
    ContainerJob.objects.create(image="registry.example/app", memory_limit=128)


def test_a_budget_that_is_used_up_lets_a_job_wait(settings_of: Any) -> None:
    from container_manager.manager import become_worker
    from container_manager.models import ContainerJob, ExecutorHost

    settings_of(BUDGETS=[{"cap": "0.5", "period": "total"}])
    ExecutorHost.objects.create(name="dear", executor_type="mock", cost_per_job="0.4")
    jobs = [ContainerJob.objects.create(image="app", docker_host_id="dear") for _ in range(2)]
    become_worker().worker().run(once=True)
    found = {job.status: job for job in ContainerJob.objects.filter(id__in=[job.id for job in jobs])}
    assert sorted(found) == ["completed", "pending"]
    assert "the budget of 0.50" in found["pending"].waiting


def test_the_dashboard_shows_what_stands_on_the_budgets_the_fullest_first(settings_of: Any) -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client

    from container_manager.manager import become_worker
    from container_manager.models import ContainerJob, ExecutorHost

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("<root>"))
    address = "/admin/container_manager/containerjob/dashboard/"
    assert "Budgets" not in client.get(address).content.decode()
    settings_of(BUDGETS=[{"cap": "2", "period": "total"}, {"cap": "1", "period": "total", "user": "*"}])
    ExecutorHost.objects.create(name="dear", executor_type="mock", cost_per_job="0.4")
    for _ in range(2):
        ContainerJob.objects.create(
            image="app", docker_host_id="dear", created_by=get_user_model().objects.get(username="<root>")
        )
    become_worker().worker().run(once=True)
    page = client.get(address).content.decode()
    assert "user &lt;root&gt;" in page
    assert page.index("0.80 of 1.00") < page.index("0.80 of 2.00")
    assert page.index("cm-bar-high") < page.index("0.80 of 1.00")


def test_unknown_keys_of_both_are_named(settings_of: Any) -> None:
    from container_manager.conf import manager_settings
    from container_manager_core.errors import ConfigurationError

    for given, place in (
        ({"POLICY": {"alowed_images": []}}, "policy.alowed_images"),
        ({"BUDGETS": [{"cap": "1"}, {"capp": "1"}]}, r"budgets\[1\]"),
        ({"BUDGETS": [{"cap": "much"}]}, "cap"),
    ):
        settings_of(**given)
        with pytest.raises(ConfigurationError, match=place):
            manager_settings()


def test_a_secret_is_resolved_from_a_setting_and_masked(settings_of: Any) -> None:
    from container_manager.manager import get_manager
    from container_manager.models import ContainerJob
    from container_manager_core.errors import InvalidInput

    settings_of(extra={"PAYMENT_TOKEN": "hunter2"})
    job = ContainerJob.objects.create(image="app", override_environment={"TOKEN": "secret://settings/PAYMENT_TOKEN"})
    manager = get_manager()
    assert manager.secrets.resolve(manager.get(job.id).spec.secrets) == {"TOKEN": "hunter2"}
    assert "hunter2" not in job.spec
    for name in ("MISSING", "DATABASES", "configure"):
        job = ContainerJob.objects.create(image="app", override_environment={"A": f"secret://settings/{name}"})
        with pytest.raises(InvalidInput, match=f"no setting '{name}' that is a string"):
            manager.secrets.resolve(manager.get(job.id).spec.secrets)
