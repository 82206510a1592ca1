"""Bad input gives the field's own error and changes nothing; secrets are written and never shown."""

from typing import Any

import pytest

from support.django_jobs import run_to

BASE = "/admin/container_manager/"
JOB = {
    "name": "job",
    "template": "",
    "image": "busybox",
    "command": "",
    "docker_host": "",
    "preferred_executor": "",
    "priority": "50",
    "scheduled_at_0": "",
    "scheduled_at_1": "",
    "memory_limit": "",
    "cpu_limit": "",
    "timeout_seconds": "",
    "environment_template": "",
    "override_environment": "{}",
}
HOST = {
    "name": "engine",
    "executor_type": "docker",
    "is_active": "on",
    "host_type": "unix",
    "connection_string": "",
    "tls_verify": "on",
    "executor_config": "{}",
    "labels": "{}",
    "weight": "100",
    "max_concurrent_jobs": "10",
    "cost_per_hour": "0",
    "cost_per_job": "0",
    "average_startup_time": "",
}
TEMPLATE = {
    "name": "template",
    "description": "",
    "docker_image": "busybox",
    "command": "",
    "entrypoint": "",
    "working_directory": "",
    "memory_limit": "",
    "cpu_limit": "",
    "timeout_seconds": "3600",
    "environment_template": "",
    "environment_variables-TOTAL_FORMS": "0",
    "environment_variables-INITIAL_FORMS": "0",
    "network_assignments-TOTAL_FORMS": "0",
    "network_assignments-INITIAL_FORMS": "0",
}


def errors_of(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("memory_limit", "63", "greater than or equal to 64"),
        ("cpu_limit", "0.05", "greater than or equal to 0.1"),
        ("cpu_limit", "33", "less than or equal to 32"),
        ("timeout_seconds", "0", "greater than or equal to 1"),
        ("priority", "101", "less than or equal to 100"),
        ("override_environment", "{", "valid JSON"),
        ("override_environment", "[]", "write a JSON object"),
        ("override_environment", '{"A=B": "1"}', "A=B"),
        ("override_environment", '{"A": 1}', "1"),
        ("preferred_executor", "nowhere", "Select a valid choice"),
        ("docker_host", "nowhere", "Select a valid choice"),
        ("command", "echo 'no end", "quot"),
        ("command", "echo a && echo b", "sh -c"),
        ("image", "", "neither an image nor a template"),
    ],
)
def test_a_job_that_cannot_be_run_is_refused_beside_the_field(
    superuser: Any, field: str, value: str, message: str
) -> None:
    from container_manager.models import ContainerJob

    errors = errors_of(superuser.post(f"{BASE}containerjob/add/", {**JOB, field: value}))
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert not ContainerJob.objects.exists()


def test_a_host_of_another_executor_is_refused(superuser: Any) -> None:
    from container_manager.models import ContainerJob, ExecutorHost

    ExecutorHost.objects.create(name="engine")
    fields = {**JOB, "docker_host": "engine", "preferred_executor": "process"}
    errors = errors_of(superuser.post(f"{BASE}containerjob/add/", fields))
    assert errors == {"preferred_executor": ["the host 'engine' runs 'docker', not 'process'; ask for one of them"]}
    assert not ContainerJob.objects.exists()


def test_a_good_job_is_stored_with_its_author(superuser: Any) -> None:
    from container_manager.models import ContainerJob

    answer = superuser.post(f"{BASE}containerjob/add/", {**JOB, "command": "echo hi", "memory_limit": "64"})
    assert answer.status_code == 302
    job = ContainerJob.objects.get()
    assert (job.created_by.get_username(), job.as_value().spec.command) == ("root", ("echo", "hi"))


def test_an_error_of_a_command_set_elsewhere_is_shown_where_it_stands(superuser: Any) -> None:
    from container_manager.models import ContainerJob

    job = ContainerJob.objects.create(image="busybox", override_command="echo a")
    page = f"{BASE}containerjob/{job.pk}/change/"
    assert 'name="override_command"' in superuser.get(page).content.decode()
    errors = errors_of(superuser.post(page, {**JOB, "override_command": "echo 'no end"}))
    assert list(errors) == ["override_command"]


def test_what_was_started_is_not_changed(superuser: Any) -> None:
    from container_manager.models import ContainerJob

    job = ContainerJob.objects.create(name="before", image="busybox")
    run_to(job, "running")
    page = f"{BASE}containerjob/{job.pk}/change/"
    assert 'name="image"' not in superuser.get(page).content.decode()
    answer = superuser.post(page, {**JOB, "name": "after", "image": "other"}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "It was started: what it runs can no longer be changed."
    ]
    job.refresh_from_db()
    assert (job.name, job.image) == ("before", "busybox")


def test_a_job_that_a_worker_holds_is_not_changed(superuser: Any) -> None:
    """It is still pending: only the write itself can tell."""
    from container_manager.manager import get_manager
    from container_manager.models import ContainerJob
    from container_manager_core.store.protocol import Claim

    job = ContainerJob.objects.create(name="before", image="busybox")
    store = get_manager().store
    store.heartbeat("w", 60)
    assert store.claim(Claim(worker="w", limit=1))
    answer = superuser.post(f"{BASE}containerjob/{job.pk}/change/", {**JOB, "name": "after"}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "A worker has just taken the job on: it can no longer be changed."
    ]
    job.refresh_from_db()
    assert job.name == "before"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("executor_type", "nowhere", "Select a valid choice"),
        ("executor_config", "{", "valid JSON"),
        ("executor_config", '{"colour": "red"}', "colour"),
        ("executor_config", '{"timeout": "long"}', "'long' is not a number"),
        ("connection_string", "ftp://host", "ftp://host"),
        ("weight", "1001", "less than or equal to 1000"),
        ("max_concurrent_jobs", "0", "greater than or equal to 1"),
        ("cost_per_hour", "-1", "greater than or equal to 0"),
        ("labels", "[]", "write a JSON object"),
        ("name", "", "required"),
    ],
)
def test_a_host_that_cannot_be_used_is_refused_beside_the_field(
    superuser: Any, field: str, value: str, message: str
) -> None:
    from container_manager.models import ExecutorHost

    errors = errors_of(superuser.post(f"{BASE}executorhost/add/", {**HOST, field: value}))
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert not ExecutorHost.objects.exists()


def test_a_host_without_image_pulls_is_stored(superuser: Any) -> None:
    from container_manager.models import ExecutorHost

    assert superuser.post(f"{BASE}executorhost/add/", HOST).status_code == 302
    assert not ExecutorHost.objects.get().auto_pull_images


def test_an_executor_that_is_gone_stays_on_its_host(superuser: Any) -> None:
    from container_manager.models import ExecutorHost

    host = ExecutorHost.objects.create(name="engine", executor_type="elsewhere")
    assert "elsewhere: not installed" in superuser.get(f"{BASE}executorhost/{host.pk}/change/").content.decode()
    fields = {**HOST, "executor_type": "elsewhere"}
    errors = errors_of(superuser.post(f"{BASE}executorhost/{host.pk}/change/", fields))
    assert "pip install container-manager-elsewhere" in errors["executor_type"][0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("memory_limit", "63", "greater than or equal to 64"),
        ("command", "a | b", "sh -c"),
        ("entrypoint", "'", "quot"),
        ("supported_executors", "nowhere", "Select a valid choice"),
    ],
)
def test_a_template_that_cannot_be_run_is_refused_beside_the_field(
    superuser: Any, field: str, value: str, message: str
) -> None:
    from container_manager.models import ContainerTemplate

    errors = errors_of(superuser.post(f"{BASE}containertemplate/add/", {**TEMPLATE, field: value}))
    assert list(errors) == [field]
    assert message in errors[field][0]
    assert not ContainerTemplate.objects.exists()


def test_a_bad_line_of_variables_is_named(superuser: Any) -> None:
    from container_manager.models import EnvironmentVariableTemplate

    fields = {"name": "variables", "description": "", "environment_variables_text": "A=1\r\n# fine\r\nno value here"}
    errors = errors_of(superuser.post(f"{BASE}environmentvariabletemplate/add/", fields))
    assert "line 3" in errors["environment_variables_text"][0]
    assert not EnvironmentVariableTemplate.objects.exists()


def variable(number: int, **fields: str) -> dict[str, str]:
    return {f"environment_variables-{number}-{name}": value for name, value in fields.items()}


def with_token() -> Any:
    from container_manager.models import ContainerTemplate

    template = ContainerTemplate.objects.create(name="template", docker_image="busybox")
    template.environment_variables.create(key="TOKEN", value="hunter2", is_secret=True)
    return template


def of_template(template: Any, **fields: str) -> dict[str, str]:
    stored = template.environment_variables.get()
    return {
        **TEMPLATE,
        "environment_variables-TOTAL_FORMS": "1",
        "environment_variables-INITIAL_FORMS": "1",
        **variable(0, id=str(stored.pk), template=str(template.pk), **{"key": "TOKEN", **fields}),
    }


def secret_of(template: Any) -> str:
    from container_manager.conversion.specs import spec_of_template
    from container_manager.models import ContainerTemplate
    from container_manager.secrets import get_vault

    secret = spec_of_template(ContainerTemplate.objects.get(pk=template.pk)).secrets["TOKEN"]
    return get_vault().open_sealed(secret)


@pytest.mark.parametrize("who", ["superuser", "viewer"])
def test_a_secret_is_on_no_page(who: str, request: Any) -> None:
    from container_manager.models import ContainerJob

    client, template = request.getfixturevalue(who), with_token()
    job = ContainerJob.objects.create(template=template)
    sealed = template.environment_variables.get().value
    run_to(job, "completed")
    for address in (
        f"containertemplate/{template.pk}/change/",
        f"containertemplate/{template.pk}/history/",
        "containertemplate/",
        f"containerjob/{job.pk}/change/",
        "containerjob/",
    ):
        page = client.get(BASE + address).content.decode()
        assert "hunter2" not in page
        assert sealed not in page
        assert sealed.removeprefix("sealed:") not in page


def test_an_empty_secret_field_leaves_the_secret(superuser: Any) -> None:
    template = with_token()
    page = f"{BASE}containertemplate/{template.pk}/change/"
    assert "unchanged if left empty" in superuser.get(page).content.decode()
    assert superuser.post(page, of_template(template, value="", is_secret="on")).status_code == 302
    assert secret_of(template) == "hunter2"


def test_a_new_secret_replaces_the_old_one_line_ends_as_written(superuser: Any) -> None:
    template = with_token()
    fields = of_template(template, value="line 1\r\nline 2", is_secret="on")
    assert superuser.post(f"{BASE}containertemplate/{template.pk}/change/", fields).status_code == 302
    assert secret_of(template) == "line 1\nline 2"


def test_a_secret_is_not_made_readable_without_being_written_anew(superuser: Any) -> None:
    template = with_token()
    answer = superuser.post(f"{BASE}containertemplate/{template.pk}/change/", of_template(template, value=""))
    assert "write the value anew" in answer.content.decode()
    assert template.environment_variables.get().is_secret
    assert secret_of(template) == "hunter2"


def test_a_form_with_another_mistake_does_not_show_the_secret_again(superuser: Any) -> None:
    fields = {
        **TEMPLATE,
        "memory_limit": "1",
        "environment_variables-TOTAL_FORMS": "1",
        **variable(0, key="TOKEN", value="hunter2", is_secret="on"),
    }
    page = superuser.post(f"{BASE}containertemplate/add/", fields).content.decode()
    assert "write it again" in page
    assert "hunter2" not in page
