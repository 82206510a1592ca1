"""Transactions of the project: nothing is started in one that may be rolled back, and news comes after the commit."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve
from django.db import transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from container_manager.manager import get_manager, reset
from container_manager.models import ContainerExecution, ContainerJob, ExecutorHost
from container_manager.signals import job_status_changed
from container_manager_core.executors.mock import MockPlatform
from container_manager_core.job import JobStatus
from container_manager_core.spec import ContainerSpec


@pytest.fixture(autouse=True)
def platform() -> Iterator[MockPlatform]:
    """What a pretended host starts."""
    made = MockPlatform()
    with override_settings(CONTAINER_EXECUTORS={"mock": {"hosts": {"good": {"platform": made}}}}):
        reset()
        yield made
        reset()


@pytest.fixture
def moves() -> Iterator[list[tuple[str | None, str]]]:
    """What the signal told, the status before and after."""
    told: list[tuple[str | None, str]] = []

    def listen(sender: Any, previous: str | None, status: str, **facts: Any) -> None:
        assert sender is ContainerJob
        assert ContainerJob.objects.get(id=facts["job_id"]).status is not None, "it is there already"
        told.append((previous, status))

    job_status_changed.connect(listen)
    yield told
    job_status_changed.disconnect(listen)


class Undone(Exception):
    pass


def test_a_job_started_in_a_transaction_starts_after_its_commit(platform: MockPlatform) -> None:
    with transaction.atomic():
        job = ContainerJob.objects.create(image="any")
        assert job.launch() is False
        assert platform.starts == []
    assert platform.starts == [f"cm-{job.id}-1"]
    assert job.harvest()


def test_a_transaction_that_is_rolled_back_leaves_no_job_and_starts_nothing(
    platform: MockPlatform, moves: list[tuple[str | None, str]]
) -> None:
    with pytest.raises(Undone), transaction.atomic():
        ContainerJob.objects.create(image="any").launch()
        get_manager().submit(ContainerSpec(image="any"), host="good")
        ContainerJob.objects.bulk_create([ContainerJob(image="any")])
        raise Undone
    assert ContainerJob.objects.count() == 0
    get_manager().worker().run(once=True)
    assert platform.starts == []
    assert moves == []


def test_a_job_that_a_worker_started_first_is_no_error_of_the_transaction_that_wanted_to(
    platform: MockPlatform,
) -> None:
    job = ContainerJob.objects.create(image="any")
    with transaction.atomic():
        job.launch()
        transaction.on_commit(lambda: None)
        ContainerJob.objects.filter(id=job.id).update(status="completed")
    assert platform.starts == []


def test_calls_that_need_the_platform_s_answer_are_refused_inside_a_transaction(platform: MockPlatform) -> None:
    job = ContainerJob.objects.create(image="any")
    job.launch()
    for call in (
        job.harvest,
        lambda: get_manager().launch(job.id),
        lambda: get_manager().run(ContainerSpec(image="any")),
        lambda: get_manager().run_stored(job.id),
        ExecutorHost(name="good").health_check,
    ):
        with (
            pytest.raises(transaction.TransactionManagementError, match="not done inside a transaction; call it after"),
            transaction.atomic(),
        ):
            call()
    assert job.harvest()


def test_pages_that_ask_hosts_hold_no_transaction_open_where_every_request_is_one(platform: MockPlatform) -> None:
    """With ATOMIC_REQUESTS: the test of a connection, from the list and from the page, and the health endpoint."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    host = ExecutorHost.objects.create(name="good", executor_type="mock")
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    hosts = "/admin/container_manager/executorhost/"
    action = {"action": "test_connection", "_selected_action": [host.pk], "index": "0"}
    requests: dict[str, Callable[[], Any]] = {
        "the action": lambda: client.post(hosts, action),
        "the page's button": lambda: client.post(f"{hosts}{host.pk}/test/"),
        "health": lambda: client.get("/container-manager/health/"),
        "metrics": lambda: client.get("/container-manager/metrics/"),
        "any other page": lambda: client.get(hosts.replace("host", "template")),
    }
    in_one = []
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        for name, send in requests.items():
            with CaptureQueriesContext(connection) as sent:
                send()
            if sent.captured_queries[0]["sql"].startswith("BEGIN"):
                in_one.append(name)
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert in_one == ["any other page"]
    assert ExecutorHost.objects.get().last_health_check is not None


def test_news_of_each_move_comes_once_and_in_order_after_it_is_stored(moves: list[tuple[str | None, str]]) -> None:
    with transaction.atomic():
        job = ContainerJob.objects.create(image="any")
        assert moves == []
    assert moves == [(None, "pending")]
    get_manager().worker().run(once=True)
    job.restart()
    job.cancel()
    assert moves[1:] == [
        ("pending", "launching"),
        ("launching", "running"),
        ("running", "completed"),
        ("completed", "pending"),
        ("pending", "cancelled"),
    ]


def test_a_receiver_that_fails_is_logged_and_stops_neither_the_job_nor_other_receivers(
    moves: list[tuple[str | None, str]], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**facts: Any) -> None:
        raise ValueError("a receiver's own mistake")

    job_status_changed.connect(fail)
    try:
        job = ContainerJob.objects.create(image="any")
        get_manager().worker().run(once=True)
    finally:
        job_status_changed.disconnect(fail)
    assert job.get_status() == "completed"
    assert len(moves) == 4
    assert "a receiver's own mistake" in caplog.text


def test_a_start_feeds_the_host_s_average(platform: MockPlatform) -> None:
    ExecutorHost.objects.create(name="good", executor_type="mock", average_startup_time=1000.0)
    ContainerJob.objects.create(image="any")
    get_manager().worker().run(once=True)
    average = ExecutorHost.objects.get(name="good").average_startup_time
    assert average is not None
    assert 900 <= average < 1000


def test_an_average_that_cannot_be_stored_keeps_news_from_nobody() -> None:
    from django.db import connection

    told: list[str] = []

    def listen(sender: Any, status: str, **facts: Any) -> None:
        told.append(status)

    ExecutorHost.objects.create(name="good", executor_type="mock")
    row = ContainerJob.objects.create(image="any")
    get_manager().worker().run(once=True)
    running = evolve(get_manager().get(row.id), status=JobStatus.RUNNING)
    connection.cursor().execute("ALTER TABLE container_manager_executorhost RENAME TO elsewhere")
    job_status_changed.connect(listen)
    try:
        get_manager().plugins.hook.container_manager_job_changed(job=running, previous=JobStatus.LAUNCHING)
    finally:
        job_status_changed.disconnect(listen)
        connection.cursor().execute("ALTER TABLE elsewhere RENAME TO container_manager_executorhost")
    assert told == ["running"]


def test_output_of_any_bytes_survives(platform: MockPlatform) -> None:
    reset()
    with override_settings(CONTAINER_EXECUTORS={"mock": {"hosts": {"good": {"stdout": "a\0b", "stderr": "\u20ac"}}}}):
        job = ContainerJob.objects.create(image="any")
        get_manager().worker().run(once=True)
        assert job.get_logs().stdout == b"a\0b"
        execution = ContainerExecution.objects.get(job=job)
        assert (execution.stdout_log, execution.stderr_log) == ("a\0b", "\u20ac")
