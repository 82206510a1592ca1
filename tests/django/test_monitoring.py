"""Health and metrics as the project's URLs show them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a token of the tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client() -> Any:
    from django.test import Client

    return Client(raise_request_exception=False)


@pytest.fixture
def with_token() -> Iterator[None]:
    from django.test import override_settings

    with override_settings(CONTAINER_MANAGER={"MONITORING_TOKEN": TOKEN}):
        yield


def add_host(name: str = "here", **facts: Any) -> Any:
    from container_manager.models import ExecutorHost

    return ExecutorHost.objects.create(name=name, executor_type="mock", **facts)


def add_job(**facts: Any) -> Any:
    from container_manager.models import ContainerJob

    return ContainerJob.objects.create(image="none", command="true", **facts)


def add_execution(**facts: Any) -> Any:
    """An execution that took 10 seconds and ended just now, unless the facts say otherwise."""
    from django.utils import timezone

    from container_manager.models import ContainerExecution

    now = timezone.now()
    given = {
        "job": add_job(),
        "attempt": 1,
        "executor_type": "mock",
        "host_id": "here",
        "status": "completed",
        "started_at": now - timedelta(seconds=10),
        "finished_at": now,
        "cost": Decimal("0.25"),
        "record": "{}",
        "launched": 0,
    }
    return ContainerExecution.objects.create(**{**given, **facts})


def add_worker() -> None:
    from container_manager.manager import get_manager

    get_manager().store.heartbeat("worker-1", 60)


def samples(client: Any) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/container-manager/metrics/", headers=BEARER)
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {(it.name, frozenset(it.labels.items())): it.value for family in families for it in family.samples}


def labelled(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_health_is_good_where_nothing_waits(client: Any) -> None:
    answer = client.get("/container-manager/health/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


def test_health_fails_while_jobs_wait_and_no_worker_lives(client: Any, with_token: None) -> None:
    add_host()
    add_job()
    answer = client.get("/container-manager/health/", headers=BEARER)
    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "no worker is alive and 1 job waits for one; start 'manage.py process_container_jobs'"
    ]
    add_worker()
    answer = client.get("/container-manager/health/", headers=BEARER)
    assert answer.status_code == 200
    assert answer.json()["workers"] == 1
    assert answer.json()["waiting"] == {"ready": 1, "scheduled": 0}


def test_health_fails_when_no_active_host_answers_and_says_what_the_platform_said(
    client: Any, with_token: None
) -> None:
    add_host("one", health_check_failures=3, health_message="connection refused", last_health_check="2026-01-01T00:00Z")
    add_host("two", is_active=False)
    answer = client.get("/container-manager/health/", headers=BEARER)
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["no active host answers (one: connection refused)"]
    hosts = answer.json()["hosts"]
    assert {name: host["health"] for name, host in hosts.items()} == {"one": "failing", "two": "unknown"}
    add_host("three", last_health_check="2026-01-01T00:00Z")
    assert client.get("/container-manager/health/").status_code == 200


def test_health_tells_strangers_one_word(client: Any) -> None:
    add_host("one", health_check_failures=3, health_message="10.0.0.7 refused", last_health_check="2026-01-01T00:00Z")
    answer = client.get("/container-manager/health/", headers={"Authorization": "Bearer "})
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


def test_health_says_that_the_tables_are_missing(tmp_path: Path) -> None:
    """Also to somebody whose session would be read from that database."""
    said = in_new_process(
        "client.cookies['sessionid'] = 'x' * 32",
        "print(client.get('/container-manager/health/').content.decode())",
        f"print(client.get('/container-manager/health/', headers={BEARER!r}).content.decode())",
        f"print(client.get('/container-manager/metrics/', headers={BEARER!r}).status_code)",
        folder=tmp_path,
    )
    stranger, knower, scrape = said.splitlines()
    assert json.loads(stranger) == {"status": "failing"}
    assert json.loads(knower)["database"] == "failing"
    problem = "the database 'default' cannot be read: no such table: container_manager_containerjob"
    assert json.loads(knower)["problems"] == [problem]
    assert scrape == "503"


def test_metrics_without_prometheus_client_say_what_to_install_and_health_works(tmp_path: Path) -> None:
    said = in_new_process(
        "import sys; sys.modules['prometheus_client'] = None",
        "from django.core.management import call_command; call_command('migrate', verbosity=0)",
        f"answer = client.get('/container-manager/metrics/', headers={BEARER!r})",
        "print(answer.status_code, answer.content.decode(), end='')",
        "print(client.get('/container-manager/health/').content.decode())",
        folder=tmp_path,
    )
    assert said.splitlines() == [
        "501 Metrics need prometheus-client: pip install 'django-container-manager[metrics]'.",
        '{"status": "ok"}',
    ]


def in_new_process(*lines: str, folder: Path) -> str:
    """What a program prints in the tests' project, on a database of its own without tables."""
    start = [
        "import django; django.setup()",
        "from django.conf import settings",
        f"settings.CONTAINER_MANAGER = {{'MONITORING_TOKEN': {TOKEN!r}}}",
        "from django.test import Client; client = Client()",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*start, *lines])],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "CONTAINER_MANAGER_TEST_DATABASE_URL": f"sqlite:///{folder / 'empty.sqlite3'}",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_metrics_are_refused_to_strangers_and_to_users_without_the_permission(client: Any, with_token: None) -> None:
    from django.contrib.auth.models import Permission, User

    user = User.objects.create_user("ann")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer "}):
        answer = client.get("/container-manager/metrics/", headers=headers)
        assert answer.status_code == 401
        assert "CONTAINER_MANAGER['MONITORING_TOKEN']" in answer.content.decode()
    client.force_login(user)
    assert client.get("/container-manager/metrics/").status_code == 401
    user.user_permissions.add(Permission.objects.get(codename="view_containerjob"))
    assert client.get("/container-manager/metrics/").status_code == 200


def test_an_empty_token_opens_nothing_and_the_public_setting_opens_all(client: Any) -> None:
    from django.test import override_settings

    assert client.get("/container-manager/metrics/", headers={"Authorization": "Bearer "}).status_code == 401
    with override_settings(CONTAINER_MANAGER={"MONITORING_PUBLIC": True}):
        assert client.get("/container-manager/metrics/").status_code == 200
        assert "hosts" in client.get("/container-manager/health/").json()


def test_metrics_tell_the_queue_the_oldest_wait_and_what_runs_where(client: Any, with_token: None) -> None:
    from django.utils import timezone

    from container_manager.models import ContainerJob

    now = timezone.now()
    add_host(max_concurrent_jobs=4, last_health_check=now)
    add_job(created_at=now - timedelta(seconds=100))
    later, running = add_job(scheduled_at=now + timedelta(hours=1)), add_job()
    assert later.due_at is not None
    ContainerJob.objects.filter(pk=running.pk).update(status="running", host_name="here")
    add_worker()
    found = samples(client)
    assert found["container_manager_jobs_waiting", labelled(state="ready")] == 1
    assert found["container_manager_jobs_waiting", labelled(state="scheduled")] == 1
    assert 100 <= found["container_manager_oldest_waiting_seconds", labelled()] < 200
    assert found["container_manager_workers", labelled()] == 1
    place = {"host": "here", "executor": "mock"}
    assert found["container_manager_jobs_live", labelled(**place, status="running")] == 1
    assert found["container_manager_jobs_live", labelled(**place, status="launching")] == 0
    assert found["container_manager_host_capacity", labelled(**place)] == 4
    assert found["container_manager_host_healthy", labelled(**place)] == 1


def test_a_job_whose_time_has_come_waits_since_then_though_no_worker_has_seen_it(client: Any, with_token: None) -> None:
    from django.utils import timezone

    from container_manager.models import ContainerJob
    from container_manager.store.rows import microseconds

    now = timezone.now()
    due = now - timedelta(seconds=50)
    job = add_job(created_at=now - timedelta(days=1), scheduled_at=due)
    ContainerJob.objects.filter(pk=job.pk).update(due_at=microseconds(due))
    found = samples(client)
    assert found["container_manager_jobs_waiting", labelled(state="ready")] == 1
    assert 50 <= found["container_manager_oldest_waiting_seconds", labelled()] < 150


def test_a_restarted_job_waits_since_its_restart(client: Any, with_token: None) -> None:
    from django.utils import timezone

    from container_manager.manager import become_worker

    add_host()
    job = add_job(created_at=timezone.now() - timedelta(days=1))
    become_worker().worker().run(drain=True)
    assert samples(client)["container_manager_oldest_waiting_seconds", labelled()] == 0
    job.restart()
    assert job.attempt == 1
    assert 0 < samples(client)["container_manager_oldest_waiting_seconds", labelled()] < 100


def test_metrics_sum_up_what_ended_within_the_window(client: Any, with_token: None) -> None:
    from django.utils import timezone

    now = timezone.now()
    add_host()
    add_execution()
    add_execution(started_at=now - timedelta(seconds=100))
    add_execution(status="failed", failure_kind="image", started_at=None, cost=None)
    add_execution(status="running", finished_at=None)
    add_execution(finished_at=now - timedelta(hours=2), started_at=now - timedelta(hours=3))
    found = samples(client)
    place = {"host": "here", "executor": "mock"}
    ended = "container_manager_recent_executions"
    assert found[ended, labelled(**place, status="completed", failure="")] == 2
    assert found[ended, labelled(**place, status="failed", failure="image")] == 1
    assert sum(value for (name, _), value in found.items() if name == ended) == 3
    assert found["container_manager_recent_cost", labelled(**place)] == 0.5
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "container_manager_recent_duration_seconds_bucket"
    }
    assert [buckets[bound] for bound in ("5.0", "15.0", "60.0", "300.0", "+Inf")] == [0, 1, 1, 2, 2]
    assert round(found["container_manager_recent_duration_seconds_gsum", labelled(**place)]) == 110


def test_a_scrape_takes_the_same_few_statements_whatever_there_is(client: Any, with_token: None) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as statements:
            samples(client)
        counts.append(len(statements))
        for name in range(5):
            add_host(f"host-{number}-{name}")
            add_execution(host_id=f"host-{number}-{name}")
    assert counts[0] == counts[1] <= 8
