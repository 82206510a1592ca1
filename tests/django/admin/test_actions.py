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


def hosts(*names: str, **facts: Any) -> list[Any]:
    from container_manager.models import ExecutorHost

    return [ExecutorHost.objects.create(name=name, executor_type="mock", **facts) for name in names]


def test_jobs_are_moved_to_the_host_that_is_chosen_and_the_others_are_named(superuser: Any) -> None:
    """What waits goes there; what runs is to be stopped and to start anew there; what cannot go stays, and why."""
    [near], _ = hosts("near"), hosts("far", executor_config={"memory_mib": 256})
    waiting, running, ended = (job(name, docker_host=near) for name in ("waiting", "running", "ended"))
    large = job("large", docker_host=near, memory_limit=4096)
    run_to(running, "running")
    run_to(ended, "completed")
    jobs = (waiting, running, ended, large)
    page = superuser.post(JOBS, chosen("move_jobs", *jobs, index="0")).content.decode()
    assert "Move: are you sure?" in page
    assert '<option value="far">far (mock)</option>' in page
    assert [found.docker_host_id for found in fresh(*jobs)] == ["near"] * 4
    answer = superuser.post(JOBS, chosen("move_jobs", *jobs, post="yes", host="far"), follow=True)
    said = messages_of(answer)
    assert said[0] == "Moved to far: 2 jobs."
    assert sorted(said[1:]) == [
        "ended not changed: it has ended; restart it",
        "large not changed: far cannot run it: resources.memory_mib: 4096 MiB are more than the 256 MiB of this host; "
        "ask for less, or raise the host's option memory_mib",
    ]
    assert [found.docker_host_id for found in fresh(*jobs)] == ["far", "far", "near", "near"]
    assert running.as_value().is_elsewhere is False
    assert fresh(running)[0].as_value().is_elsewhere
    history = superuser.get(f"{JOBS}{waiting.pk}/history/").content.decode()
    assert "Moved to far." in history


def fresh(*jobs: Any) -> list[Any]:
    from container_manager.models import ContainerJob

    return [ContainerJob.objects.get(pk=found.pk) for found in jobs]


@pytest.mark.parametrize("host", ["", "nowhere"])
def test_a_move_to_no_host_that_there_is_asks_again_and_changes_nothing(superuser: Any, host: str) -> None:
    hosts("near")
    waiting = job("waiting", docker_host_id="near")
    answer = superuser.post(JOBS, chosen("move_jobs", waiting, post="yes", host=host))
    assert answer.context["form"].errors["host"]
    assert "Move: are you sure?" in answer.content.decode()
    assert fresh(waiting)[0].docker_host_id == "near"


def test_a_move_of_jobs_that_are_gone_moves_no_other(superuser: Any) -> None:
    hosts("near", "far")
    gone, waiting = job("gone", docker_host_id="near"), job("waiting", docker_host_id="near")
    fields = chosen("move_jobs", gone, post="yes", host="far")
    gone.delete()
    superuser.post(JOBS, fields, follow=True)
    assert fresh(waiting)[0].docker_host_id == "near"


def test_a_job_is_moved_from_its_page_and_runs_there(superuser: Any) -> None:
    from container_manager.manager import become_worker

    hosts("near", is_active=False)
    hosts("far")
    waiting = job("waiting", docker_host_id="near")
    page = superuser.get(f"{JOBS}{waiting.pk}/change/").content.decode()
    assert f'href="{JOBS}{waiting.pk}/move/">Move</a>' in page
    assert "near (mock, not active)" in superuser.get(f"{JOBS}{waiting.pk}/move/").content.decode()
    answer = superuser.post(f"{JOBS}{waiting.pk}/move/", {"host": "far"}, follow=True)
    assert messages_of(answer) == ["Moved to far: 1 job."]
    become_worker().worker().run(once=True)
    moved = fresh(waiting)[0]
    assert (moved.status, moved.host_name) == ("completed", "far")
    page = superuser.get(f"{JOBS}{waiting.pk}/change/").content.decode()
    assert "/move/" not in page
    answer = superuser.post(f"{JOBS}{waiting.pk}/move/", {"host": "far"}, follow=True)
    assert messages_of(answer) == ["waiting not changed: it has ended; restart it"]


def test_more_jobs_than_the_policy_allows_at_once_are_not_moved(superuser: Any) -> None:
    from django.test import override_settings

    from container_manager.manager import reset

    reset()
    with override_settings(CONTAINER_MANAGER={"POLICY": {"max_jobs": 1}}):
        hosts("near", "far")
        jobs = (job("a", docker_host_id="near"), job("b", docker_host_id="near"))
        said = messages_of(superuser.post(JOBS, chosen("move_jobs", *jobs, post="yes", host="far"), follow=True))
    assert len(said) == 2
    assert all("2 jobs are more than the 1 that one operation may touch" in text for text in said)
    assert [found.docker_host_id for found in fresh(*jobs)] == ["near", "near"]


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
