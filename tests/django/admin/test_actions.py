"""Actions ask first, do what they say, and tell what they could not do."""

from typing import Any

import pytest

from support.django_jobs import run_to

JOBS = "/admin/container_manager/containerjob/"
HOSTS = "/admin/container_manager/executorhost/"


def job(name: str, **fields: Any) -> Any:
    from container_manager.models import ContainerJob

    return ContainerJob.objects.create(name=name, image="busybox", **fields)


def chosen(action: str, *jobs: Any, **fields: str) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(found.pk) for found in jobs], **fields}


def messages_of(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_an_action_changes_nothing_before_it_is_confirmed(superuser: Any) -> None:
    waiting = job("waiting")
    page = superuser.post(JOBS, chosen("cancel_jobs", waiting, index="0"))
    assert "are you sure?" in page.content.decode()
    assert waiting.get_status() == "pending"
    answer = superuser.post(JOBS, chosen("cancel_jobs", waiting, post="yes"), follow=True)
    assert messages_of(answer) == ["Asked to stop: 1 job."]
    assert waiting.get_status() == "cancelled"


def test_several_jobs_are_restarted_and_the_unfit_are_named(superuser: Any) -> None:
    first, second, waiting = job("first"), job("second"), job("waiting")
    for ended in (first, second):
        run_to(ended, "failed")
    answer = superuser.post(JOBS, chosen("restart_jobs", first, second, waiting, post="yes"), follow=True)
    said = messages_of(answer)
    assert said[0] == "Restarted: 2 jobs."
    assert said[1].startswith("waiting not changed: ")
    assert "is pending" in said[1]
    assert [found.get_status() for found in (first, second, waiting)] == ["pending"] * 3


def test_an_ended_job_is_not_cancelled(superuser: Any) -> None:
    ended = job("ended")
    run_to(ended, "completed")
    answer = superuser.post(f"{JOBS}{ended.pk}/cancel/", follow=True)
    assert messages_of(answer) == [
        f"ended not changed: job {ended.pk} is completed and cannot become cancelled: it has ended already"
    ]
    assert ended.get_status() == "completed"


def test_a_running_job_is_marked_to_be_stopped(superuser: Any) -> None:
    running = job("running")
    run_to(running, "running")
    superuser.post(f"{JOBS}{running.pk}/cancel/")
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    assert "being stopped" in superuser.get(JOBS).content.decode()
    assert "being stopped" in superuser.get(f"{JOBS}{running.pk}/change/").content.decode()


def test_a_job_is_started_from_the_page(superuser: Any) -> None:
    from container_manager.models import ExecutorHost

    host = ExecutorHost.objects.create(name="scripted", executor_type="mock")
    waiting = job("waiting", docker_host=host)
    answer = superuser.post(f"{JOBS}{waiting.pk}/start/", follow=True)
    assert messages_of(answer) == ["Started: 1 job."]
    assert waiting.get_status() in ("running", "completed")


def test_a_start_that_no_host_takes_says_why(superuser: Any) -> None:
    from container_manager.models import ExecutorHost

    host = ExecutorHost.objects.create(name="closed", executor_type="mock", is_active=False)
    waiting = job("waiting", docker_host=host)
    [said] = messages_of(superuser.post(f"{JOBS}{waiting.pk}/start/", follow=True))
    assert said.startswith("waiting still waits: ")
    assert "closed" in said


def test_too_many_at_once_are_refused_whole(superuser: Any) -> None:
    from container_manager.models import ContainerJob

    made = ContainerJob.objects.bulk_create([ContainerJob(image="busybox") for _ in range(21)])
    answer = superuser.post(JOBS, chosen("start_jobs", *made, post="yes"), follow=True)
    assert messages_of(answer) == ["At most 20 jobs at once: choose fewer. Nothing was changed."]
    assert ContainerJob.objects.pending().count() == 21


@pytest.mark.parametrize("way", ["page", "list"])
def test_a_connection_is_tested_when_a_person_asks(superuser: Any, way: str) -> None:
    from container_manager.models import ExecutorHost

    well = ExecutorHost.objects.create(name="well", executor_type="mock")
    gone = ExecutorHost.objects.create(name="gone", connection_string="tcp://127.0.0.1:9")
    said = []
    if way == "list":
        fields = {"action": "test_connection", "_selected_action": [well.pk, gone.pk], "index": "0"}
        said = messages_of(superuser.post(HOSTS, fields, follow=True))
    else:
        for host in (gone, well):
            said += messages_of(superuser.post(f"{HOSTS}{host.pk}/test/", follow=True))
    assert any("gone cannot be used: " in text and "127.0.0.1:9" in text for text in said)
    assert any(text.startswith("well answers in ") for text in said)
    gone.refresh_from_db()
    assert (gone.health_check_failures, "127.0.0.1:9" in gone.health_message) == (1, True)
    assert "1 failed checks" in superuser.get(HOSTS).content.decode()


def test_jobs_are_made_in_bulk_from_a_template(superuser: Any) -> None:
    from container_manager.models import ContainerJob, ContainerTemplate

    template = ContainerTemplate.objects.create(name="report", docker_image="busybox")
    address = f"/admin/container_manager/containertemplate/{template.pk}/jobs/"
    assert "report-{n}" in superuser.get(address).content.decode()
    fields = {"count": "3", "name": "r{n}", "commands": "", "docker_host": "", "priority": "70"}
    answer = superuser.post(address, fields, follow=True)
    assert messages_of(answer) == ["Created: 3 jobs of report."]
    assert sorted(ContainerJob.objects.values_list("name", "priority")) == [("r1", 70), ("r2", 70), ("r3", 70)]
    superuser.post(address, {**fields, "commands": "echo a\r\n\r\necho b"})
    assert [
        found.as_value().spec.command
        for found in ContainerJob.objects.filter(command__startswith="echo").order_by("command")
    ] == [
        ("echo", "a"),
        ("echo", "b"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("count", "0", "greater than or equal to 1"),
        ("count", "1001", "less than or equal to 1000"),
        ("commands", "echo ok\necho 'no end", "Job 2: "),
        ("priority", "101", "less than or equal to 100"),
        ("docker_host", "999", "Select a valid choice"),
        ("name", "", "This field is required"),
    ],
)
def test_a_bad_bulk_form_makes_no_job(superuser: Any, field: str, value: str, message: str) -> None:
    from container_manager.models import ContainerJob, ContainerTemplate

    template = ContainerTemplate.objects.create(name="report", docker_image="busybox")
    fields = {"count": "3", "name": "r{n}", "commands": "", "docker_host": "", "priority": "70", field: value}
    answer = superuser.post(f"/admin/container_manager/containertemplate/{template.pk}/jobs/", fields)
    assert any(message in text for text in answer.context["form"].errors[field])
    assert not ContainerJob.objects.exists()
