"""Who may only look can change nothing, by no address; each action has a permission of its own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers

from support.django_jobs import run_to

BASE = "/admin/container_manager/"
ACTIONS = {"start": "start_jobs", "cancel": "cancel_jobs", "restart": "restart_jobs", "move": "move_jobs"}


@pytest.fixture
def things(project: str) -> dict[str, Any]:
    from container_manager.models import (
        ContainerExecution,
        ContainerJob,
        ContainerTemplate,
        EnvironmentVariableTemplate,
        ExecutorHost,
    )

    host = ExecutorHost.objects.create(name="engine", executor_type="mock")
    template = ContainerTemplate.objects.create(name="template", docker_image="busybox")
    template.environment_variables.create(key="TOKEN", value="hunter2", is_secret=True)
    waiting = ContainerJob.objects.create(name="waiting", template=template, docker_host=host)
    ended = ContainerJob.objects.create(name="ended", image="busybox", docker_host=host)
    run_to(ended, "completed", stdout=b"hello")
    return {
        "executorhost": host,
        "containertemplate": template,
        "environmentvariabletemplate": EnvironmentVariableTemplate.objects.create(name="variables"),
        "containerjob": waiting,
        "ended": ended,
        "containerexecution": ContainerExecution.objects.get(),
    }


def everything() -> str:
    from django.apps import apps

    models = apps.get_app_config("container_manager").get_models()
    rows = [row for model in models for row in model.objects.order_by("pk")]
    return serializers.serialize("json", rows)


def addresses(things: dict[str, Any]) -> list[str]:
    """Every address of the app's admin that takes an object, or none."""
    from django.contrib import admin
    from django.urls import NoReverseMatch, reverse

    found = []
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label != "container_manager":
            continue
        thing = things[model._meta.model_name]
        for pattern in model_admin.get_urls():
            if pattern.name is None:
                continue
            for arguments in ([], [thing.pk], [thing.pk, 1, "stdout"]):
                try:
                    found.append(reverse(f"admin:{pattern.name}", args=arguments))
                except NoReverseMatch:
                    continue
    found += [address.replace(str(things["containerjob"].pk), str(things["ended"].pk)) for address in found]
    return sorted(set(found))


def test_who_may_only_look_changes_nothing_by_any_address(viewer: Any, things: dict[str, Any]) -> None:
    before = everything()
    tried = addresses(things)
    assert len(tried) > 30
    fields = {"post": "yes", "_save": "1", "name": "changed", "docker_image": "other", "image": "other", "count": "3"}
    fields["host"] = "engine"
    for address in tried:
        answer = viewer.post(address, fields)
        assert answer.status_code in (200, 204, 302, 403, 404, 405), address
        if "live" not in address and "output" not in address:
            assert answer.status_code != 200 or address.endswith(("/dashboard/", "/")), address
    assert everything() == before


def test_who_may_only_look_has_no_actions(viewer: Any, things: dict[str, Any]) -> None:
    before = everything()
    for model, thing in things.items():
        model = "containerjob" if model == "ended" else model
        for action in (*ACTIONS.values(), "test_connection", "create_many", "delete_selected"):
            fields = {"action": action, "_selected_action": str(thing.pk), "post": "yes", "index": "0"}
            viewer.post(f"{BASE}{model}/", fields)
            viewer.post(f"{BASE}{model}/", {key: value for key, value in fields.items() if key != "index"})
    assert everything() == before


def test_who_may_only_look_sees_every_page_without_a_button(viewer: Any, things: dict[str, Any]) -> None:
    for model in things.keys() - {"ended"}:
        page = viewer.get(f"{BASE}{model}/{things[model].pk}/change/").content.decode()
        assert 'type="submit" value="Save"' not in page
        assert 'class="cm-button ' not in page
        assert 'class="cm-button"' not in page
        assert viewer.get(f"{BASE}{model}/").status_code == 200
    assert viewer.get(f"{BASE}containerjob/dashboard/").status_code == 200


def test_who_may_nothing_sees_nothing(person: Callable[..., Any], things: dict[str, Any]) -> None:
    nobody = person()
    for address in addresses(things):
        assert nobody.get(address).status_code in (403, 404, 405), address


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_needs_its_own_permission(person: Callable[..., Any], things: dict[str, Any], name: str) -> None:
    others = [f"{other}_containerjob" for other in ACTIONS if other != name]
    job = things["containerjob"]
    somebody = person("view_containerjob", *others)
    assert somebody.post(f"{BASE}containerjob/{job.pk}/{name}/").status_code == 403
    assert f'"{ACTIONS[name]}"' not in somebody.get(f"{BASE}containerjob/").content.decode()
    permitted = person("view_containerjob", f"{name}_containerjob")
    assert f'"{ACTIONS[name]}"' in permitted.get(f"{BASE}containerjob/").content.decode()
    assert permitted.get(f"{BASE}containerjob/{job.pk}/{name}/").status_code == 200


def test_a_job_that_has_not_ended_is_not_deleted(superuser: Any, things: dict[str, Any]) -> None:
    from container_manager.models import ContainerJob

    chosen = [str(things[name].pk) for name in ("containerjob", "ended")]
    fields = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    page = superuser.post(f"{BASE}containerjob/", fields).content.decode()
    assert "waiting: pending; cancel it first" in page
    assert ContainerJob.objects.count() == 2
    superuser.post(f"{BASE}containerjob/", {**fields, "_selected_action": chosen[1:]})
    assert list(ContainerJob.objects.values_list("name", flat=True)) == ["waiting"]
