"""The models: fields, methods, managers, what their checks refuse and what deletion does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.models import ProtectedError
from django.test import override_settings
from django.utils import timezone

from container_manager.manager import get_manager, reset
from container_manager.models import (
    ContainerExecution,
    ContainerJob,
    ContainerTemplate,
    DockerHost,
    EnvironmentVariable,
    EnvironmentVariableTemplate,
    ExecutorHost,
    NetworkAssignment,
    OutputChunk,
)
from container_manager_core.errors import ConfigurationError
from container_manager_core.executor import Stream
from container_manager_core.executors.mock import MockPlatform, Outcome
from container_manager_core.store.protocol import Claim


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    reset()
    yield
    reset()


def host(name: str = "mock", **facts: Any) -> ExecutorHost:
    return ExecutorHost.objects.create(**{"name": name, "executor_type": "mock", **facts})


def job(**facts: Any) -> ContainerJob:
    return ContainerJob.objects.create(**{"image": "any", **facts})


def finished(**facts: Any) -> ContainerJob:
    """A job that has run on its host."""
    made = job(**facts)
    made.launch()
    made.harvest()
    return made


def complaints(model: Any) -> dict[str, list[str]]:
    """What its check says, by field."""
    with pytest.raises(ValidationError) as refused:
        model.full_clean(exclude=[field.name for field in model._meta.fields if not field.editable])
    return refused.value.message_dict


# Hosts


def test_a_host_is_named_by_its_kind_and_address() -> None:
    assert DockerHost is ExecutorHost
    assert str(ExecutorHost(name="a")) == "a"
    assert str(ExecutorHost(name="a", connection_string="tcp://h:2376")) == "a (tcp://h:2376)"
    assert str(ExecutorHost(name="a", executor_type="mock", connection_string="x")) == "a (mock) (x)"


def test_hosts_are_narrowed_down_to_available_ones_and_to_a_type() -> None:
    (
        host("fine"),
        host("off", is_active=False),
        host("sick", health_check_failures=3),
        host("cough", health_check_failures=2),
    )
    host("engine", executor_type="docker")
    assert [each.name for each in ExecutorHost.objects.available()] == ["cough", "engine", "fine"]
    assert [each.name for each in ExecutorHost.objects.available().by_type("docker")] == ["engine"]


def test_capacity_is_counted_from_the_jobs_that_live_there() -> None:
    place = host(max_concurrent_jobs=4, executor_config={"duration_seconds": 3600})
    assert place.get_capacity_info() == {
        "current_jobs": 0,
        "max_jobs": 4,
        "available_slots": 4,
        "utilization_percent": 0.0,
    }
    running = [job() for _ in range(3)]
    for each in running:
        assert each.launch()
    job()
    assert (place.current_job_count, place.get_capacity(), place.is_available()) == (3, 1, True)
    assert place.get_capacity_info()["utilization_percent"] == 75.0
    place.max_concurrent_jobs = 2
    assert (place.get_capacity(), place.is_available()) == (0, False)
    assert place.get_capacity_info()["utilization_percent"] == 150.0


def test_a_check_is_stored_and_three_that_fail_make_a_host_unavailable() -> None:
    place = ExecutorHost.objects.create(name="gone", connection_string="unix:///nowhere.sock")
    for failures in (1, 2, 3):
        health = place.health_check()
        assert not health.ok
        assert (place.health_check_failures, bool(place.last_health_check)) == (failures, True)
    assert "/nowhere.sock" in place.health_message
    assert not place.is_available()
    ExecutorHost.objects.update(executor_type="mock", connection_string="")
    place.refresh_from_db()
    assert place.health_check().ok
    assert (place.health_check_failures, place.is_available()) == (0, True)


def test_a_host_s_executor_is_that_of_its_saved_options() -> None:
    place = host(executor_config={"exit_code": 1})
    first = place.get_executor()
    assert place.get_executor() is first
    place.executor_config = {"exit_code": 2}
    place.save()
    assert place.get_executor() is not first


@pytest.mark.parametrize(
    ("facts", "field", "message"),
    [
        ({"executor_type": "nope"}, "executor_type", "no executor is called 'nope'; known are: "),
        ({"executor_config": {"base_ur": 1}}, "executor_config", "the key 'base_ur' is unknown; known are: base_url,"),
        ({"executor_config": [1]}, "executor_config", "[1] is no table; write a JSON object"),
        (
            {"connection_string": "nonsense"},
            "connection_string",
            "'nonsense' is no address of an engine; write unix://",
        ),
        ({"weight": 1001}, "weight", "Ensure this value is less than or equal to 1000."),
        ({"weight": 0}, "weight", "Ensure this value is greater than or equal to 1."),
        ({"max_concurrent_jobs": 0}, "max_concurrent_jobs", "Ensure this value is greater than or equal to 1."),
        ({"cost_per_hour": -1}, "cost_per_hour", "Ensure this value is greater than or equal to 0."),
        ({"labels": []}, "labels", "[] is no table; write a JSON object"),
    ],
)
def test_a_host_s_check_tells_each_mistake_at_its_field(facts: dict[str, Any], field: str, message: str) -> None:
    said = complaints(ExecutorHost(name="a", **facts))
    assert list(said) == [field]
    assert any(each.startswith(message) for each in said[field]), said


def test_a_host_keeps_its_name_while_jobs_refer_to_it() -> None:
    place = host("before")
    place.name = "free"
    place.full_clean()
    place.name = "before"
    finished(docker_host=place)
    place.name = "after"
    assert complaints(place)["name"] == [
        "Jobs refer to the host 'before' by its name; make a new host and deactivate this one."
    ]


def test_a_host_is_not_deleted_while_jobs_that_ask_for_it_are_unfinished_and_history_keeps_its_name() -> None:
    place = host()
    done, waiting = finished(docker_host=place), job(docker_host=place)
    with pytest.raises(ProtectedError) as refused:
        place.delete()
    assert refused.value.protected_objects == {waiting}
    waiting.cancel()
    place.delete()
    done.refresh_from_db()
    assert (done.host_name, done.docker_host_id, done.docker_host) == ("mock", "mock", None)
    execution = done.execution
    assert execution is not None
    assert (execution.host_id, execution.host) == ("mock", None)
    assert execution.get_container_info()["host"] == "mock"


# Templates and their parts


def test_a_template_says_where_its_jobs_are_found_and_whether_they_are_kept() -> None:
    template = ContainerTemplate.objects.create(name="t", docker_image="image:1", auto_remove=False)
    template.network_assignments.create(network_name="back", aliases=["db", "database"])
    template.network_assignments.create(network_name="front")
    spec = job(image="", template=template).as_value().spec
    assert spec.networks == ("back", "front")
    assert spec.network_aliases == {"back": ("db", "database")}
    assert not spec.auto_remove
    assert job(image="image:1").as_value().spec.auto_remove


def test_deleting_a_template_leaves_its_jobs_what_they_run() -> None:
    template = ContainerTemplate.objects.create(name="t", docker_image="image:1", command="a b")
    template.environment_variables.create(key="A", value="1")
    template.network_assignments.create(network_name="n")
    made = job(image="", template=template)
    template.delete()
    made.refresh_from_db()
    assert (made.template, made.as_value().spec.image) == (None, "image:1")
    assert made.get_all_environment_variables() == {"A": "1"}
    assert (EnvironmentVariable.objects.count(), NetworkAssignment.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("facts", "field", "message"),
    [
        ({"memory_limit": 63}, "memory_limit", "Ensure this value is greater than or equal to 64."),
        ({"cpu_limit": 0.05}, "cpu_limit", "Ensure this value is greater than or equal to 0.1."),
        ({"cpu_limit": 33}, "cpu_limit", "Ensure this value is less than or equal to 32.0."),
        ({"timeout_seconds": 0}, "timeout_seconds", "Ensure this value is greater than or equal to 1."),
        ({"command": "a && b"}, "command", "the shell operator '&' at column 3"),
        ({"entrypoint": "a 'b"}, "entrypoint", ""),
        ({"supported_executors": "docker"}, "supported_executors", "'docker' is no list of executor names."),
    ],
)
def test_a_template_s_check_tells_each_mistake_at_its_field(facts: dict[str, Any], field: str, message: str) -> None:
    said = complaints(ContainerTemplate(name="t", docker_image="any", **facts))
    assert list(said) == [field]
    assert said[field][0].startswith(message)


def test_a_variable_s_check_names_what_is_wrong_with_its_name() -> None:
    template = ContainerTemplate.objects.create(name="t", docker_image="any")
    said = complaints(EnvironmentVariable(template=template, key="A=B", value="x"))
    assert list(said) == ["key"]
    assert "'A=B'" in said["key"][0]


def test_environment_text_is_read_as_lines_and_a_mistake_names_its_line() -> None:
    text = "# a comment\nA=1\nB='two words'\nexport C=3\nA=4\n"
    variables = EnvironmentVariableTemplate(name="e", environment_variables_text=text)
    assert variables.get_environment_variables_dict() == {"A": "4", "B": "two words", "C": "3"}
    variables.full_clean()
    variables.environment_variables_text = "A=1\nnonsense\n"
    assert "line 2" in complaints(variables)["environment_variables_text"][0]
    with pytest.raises(ValidationError, match="line 2"):
        variables.validate_format()


def test_variables_win_in_the_order_template_then_job() -> None:
    shared = EnvironmentVariableTemplate.objects.create(name="s", environment_variables_text="A=1\nB=1\nC=1\nD=1")
    own = EnvironmentVariableTemplate.objects.create(name="o", environment_variables_text="C=3\nD=3")
    template = ContainerTemplate.objects.create(name="t", docker_image="any", environment_template=shared)
    template.environment_variables.create(key="B", value="2")
    made = job(template=template, environment_template=own, override_environment={"D": "4"})
    assert made.get_all_environment_variables() == {"A": "1", "B": "2", "C": "3", "D": "4"}


# Jobs


def test_jobs_are_narrowed_down() -> None:
    host("good"), host("bad", executor_config={"exit_code": 1}), host("slow", executor_config={"duration_seconds": 99})
    done, failed = finished(docker_host_id="good"), finished(docker_host_id="bad")
    running, waiting = job(docker_host_id="slow"), job(docker_host_id="good")
    running.launch()
    ContainerJob.objects.filter(id=done.id).update(created_at=timezone.now() - timedelta(hours=25))
    jobs = ContainerJob.objects
    assert list(jobs.pending()) == [waiting]
    assert list(jobs.active()) == [running]
    assert list(jobs.failed()) == [failed]
    assert set(jobs.recent()) == {failed, running, waiting}
    assert jobs.recent(hours=26).count() == 4
    assert set(jobs.by_host("good")) == set(jobs.by_host(ExecutorHost.objects.get(name="good"))) == {done, waiting}


def test_a_job_s_limits_win_over_its_template_s() -> None:
    template = ContainerTemplate.objects.create(
        name="t", docker_image="any", memory_limit=128, cpu_limit=1.5, timeout_seconds=60
    )
    assert job(template=template).estimate_resources() == {
        "memory_mb": 128,
        "cpu_cores": 1.5,
        "timeout_seconds": 60,
        "storage_required": 2 * job().as_value().spec.max_output_bytes // 1024**2,
    }
    own = job(template=template, memory_limit=256, cpu_limit=2, timeout_seconds=5).estimate_resources()
    assert (own["memory_mb"], own["cpu_cores"], own["timeout_seconds"]) == (256, 2, 5)


def test_a_job_can_use_the_executors_that_its_template_host_and_wish_leave() -> None:
    template = ContainerTemplate.objects.create(name="t", docker_image="any", supported_executors=["docker", "mock"])
    assert job().can_use_executor("anything")
    with override_settings(USE_EXECUTOR_FACTORY=True):
        made = job(template=template)
    assert [made.can_use_executor(name) for name in ("docker", "mock", "fargate")] == [True, True, False]
    host()
    there = job(template=template, docker_host_id="mock")
    assert [there.can_use_executor(name) for name in ("docker", "mock")] == [False, True]
    assert not ContainerJob(preferred_executor="docker").can_use_executor("mock")


@pytest.fixture
def platform() -> Iterator[MockPlatform]:
    """What a pretended host of the settings runs: each goes on until the test lets it end."""
    made = MockPlatform(outcome=Outcome(duration_seconds=float("inf")).writing("out", Stream.STDOUT))
    with override_settings(CONTAINER_EXECUTORS={"mock": {"hosts": {"mock": {"platform": made}}}}):
        yield made


def test_a_job_knows_its_whole_life(platform: MockPlatform) -> None:
    made = job(memory_limit=64)
    assert (made.is_terminal_status, made.runtime_duration, made.execution) == (False, None, None)
    assert made.resource_utilization == {"memory_percent": None, "cpu_percent": None}
    assert made.launch()
    assert made.get_status() == "running"
    assert made.runtime_duration is not None
    assert made.get_execution_identifier() == made.external_execution_id != ""
    assert not made.harvest()
    platform.finish(made.external_execution_id, 3)
    assert made.harvest()
    assert (made.status, made.exit_code, made.is_terminal_status, made.executor_type) == ("failed", 3, True, "mock")
    assert made.get_logs().stdout == b"out"
    assert made.failure_message == "the command ended with exit code 3"
    made.restart()
    assert made.status == "pending"
    made.launch()
    platform.finish(made.external_execution_id, 3)
    assert made.harvest()
    execution = made.execution
    assert execution is not None
    assert ([each.attempt for each in made.executions.all()], execution.attempt) == ([1, 2], 2)
    assert execution.failure_reason.startswith("exit: the command ended with exit code 3")
    assert [chunk.data for chunk in execution.stream_logs()] == [b"out"]


def test_use_is_told_as_a_share_of_the_limits() -> None:
    host()
    made = finished(memory_limit=64, cpu_limit=0.5)
    now = timezone.now()
    ContainerExecution.objects.filter(job=made).update(
        max_memory_usage=16 * 1024**2, cpu_seconds=1.0, started_at=now - timedelta(seconds=4), finished_at=now
    )
    assert made.resource_utilization == {"memory_percent": 25.0, "cpu_percent": 50.0}


def test_an_identifier_is_kept_where_its_executor_has_it() -> None:
    for executor, field in (("docker", "container_id"), ("", "container_id"), ("fargate", "external_execution_id")):
        made = ContainerJob(executor_type=executor)
        made.set_execution_identifier("x")
        assert (getattr(made, field), made.get_execution_identifier()) == ("x", "x")


@pytest.mark.parametrize(
    ("facts", "field", "message"),
    [
        ({"image": ""}, "image", "there is neither an image nor a template; give one of them"),
        ({"memory_limit": 63}, "memory_limit", "Ensure this value is greater than or equal to 64."),
        ({"cpu_limit": 32.5}, "cpu_limit", "Ensure this value is less than or equal to 32.0."),
        ({"timeout_seconds": 0}, "timeout_seconds", "Ensure this value is greater than or equal to 1."),
        ({"priority": 101}, "priority", "Ensure this value is less than or equal to 100."),
        ({"command": "a | b"}, "command", "the shell operator '|' at column 3"),
        ({"override_command": "a ; b"}, "override_command", "the shell operator ';' at column 3"),
        ({"override_environment": {"A=B": "1"}}, "override_environment", "'A=B'"),
        ({"override_environment": [1]}, "override_environment", "[1] is no table; write a JSON object of strings"),
        ({"override_environment": {"A": 1}}, "override_environment", ""),
        ({"preferred_executor": "nope"}, "preferred_executor", "no executor is called 'nope'"),
        ({"docker_host_id": "nope"}, "docker_host", "no host is called 'nope'; configured are: mock"),
        (
            {"docker_host_id": "mock", "preferred_executor": "docker"},
            "preferred_executor",
            "the host 'mock' runs 'mock', not 'docker'; ask for one of them",
        ),
    ],
)
def test_a_job_s_check_tells_each_mistake_once_at_its_field(facts: dict[str, Any], field: str, message: str) -> None:
    host()
    (said,) = complaints(ContainerJob(**{"image": "any", **facts})).items()
    assert said[0] == field
    assert said[1][0].startswith(message), said
    with pytest.raises(ValidationError) as refused:
        job(**facts)
    assert list(refused.value.message_dict) == [field], "by code, too"
    assert ContainerJob.objects.count() == 0


def test_a_host_that_the_template_does_not_support_is_refused() -> None:
    host()
    template = ContainerTemplate.objects.create(name="t", docker_image="any", supported_executors=["docker"])
    said = complaints(ContainerJob(template=template, docker_host_id="mock"))
    assert said == {"docker_host": ["the host 'mock' runs 'mock'; the template supports docker; choose another host"]}


def test_a_running_job_without_an_execution_s_id_is_refused() -> None:
    for executor, kind in (("fargate", "execution"), ("docker", "container")):
        said = complaints(ContainerJob(image="any", status="running", executor_type=executor))
        assert said["__all__"] == [f"A running {executor} job needs its {kind} id."]


def test_a_job_can_be_changed_until_a_worker_takes_it_and_its_life_never_by_saving() -> None:
    host()
    made = job(name="before")
    stale = ContainerJob.objects.get(id=made.id)
    made.name, made.command = "after", "other words"
    made.status = "completed"
    made.status = "pending"
    made.save()
    assert ContainerJob.objects.get(id=made.id).as_value().spec.command == ("other", "words")
    store = get_manager().store
    store.heartbeat("a worker", 60)
    assert len(store.claim(Claim(worker="a worker", limit=1))) == 1
    stale.command = "too late"
    with pytest.raises(ValidationError, match="A worker has just taken the job on: it can no longer be changed"):
        stale.save()
    kept = ContainerJob.objects.get(id=made.id)
    assert (kept.as_value().spec.command, kept.worker) == (("other", "words"), "a worker")
    made.refresh_from_db()
    made.status = "completed"
    made.save(update_fields=["status"])
    assert ContainerJob.objects.get(id=made.id).status == "pending"


def test_deleting_a_job_takes_its_attempts_and_output_with_it() -> None:
    host(executor_config={"stdout": "out"})
    finished().delete()
    assert (ContainerExecution.objects.count(), OutputChunk.objects.count()) == (0, 0)


def test_deleting_a_user_leaves_what_they_made() -> None:
    user = get_user_model().objects.create(username="ann")
    template = ContainerTemplate.objects.create(name="t", docker_image="any", created_by=user)
    made = job(created_by=user)
    user.delete()
    made.refresh_from_db(), template.refresh_from_db()
    assert (made.created_by, made.submitter, template.created_by) == (None, "ann", None)


# Secrets


def secretive() -> ContainerJob:
    """A job whose template holds a secret."""
    template = ContainerTemplate.objects.create(name="t", docker_image="any")
    template.environment_variables.create(key="TOKEN", value="hunter2", is_secret=True)
    return job(template=template)


def test_a_secret_is_in_clear_in_no_row_no_dump_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    made = secretive()
    call_command("dumpdata", "container_manager")
    assert "hunter2" not in capsys.readouterr().out
    variable = EnvironmentVariable.objects.get()
    assert (str(variable), variable.value.startswith("sealed:")) == ("TOKEN=***", True)
    assert made.get_all_environment_variables() == {"TOKEN": "***"}
    variable.save()
    assert get_manager().secrets.resolve(made.as_value().spec.secrets) == {"TOKEN": "hunter2"}


def test_a_secret_survives_a_new_key_as_long_as_the_old_one_is_kept() -> None:
    from django.conf import settings

    made, old = secretive(), settings.SECRET_KEY
    with override_settings(SECRET_KEY="a new key", SECRET_KEY_FALLBACKS=[old]):
        reset()
        assert get_manager().secrets.resolve(made.as_value().spec.secrets) == {"TOKEN": "hunter2"}
    with override_settings(SECRET_KEY="a new key"):
        reset()
        with pytest.raises(ConfigurationError):
            get_manager().secrets.resolve(made.as_value().spec.secrets)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2030-01-02 10:00", datetime(2030, 1, 2, 16, tzinfo=UTC)),
        ("2030-01-02T10:00:00+02:00", datetime(2030, 1, 2, 8, tzinfo=UTC)),
        ("2030-01-02", datetime(2030, 1, 2, 6, tzinfo=UTC)),
        (datetime(2030, 1, 2, 10, tzinfo=UTC), datetime(2030, 1, 2, 10, tzinfo=UTC)),
    ],
)
def test_a_time_may_be_given_as_django_s_own_fields_take_it(given: Any, stored: datetime) -> None:
    """Without a time zone it is in the project's own, America/Chicago."""
    made = ContainerJob.objects.create(image="busybox", scheduled_at=given)
    assert made.scheduled_at == stored
    assert ContainerJob.objects.get().as_value().scheduled_at == stored
    assert ContainerJob.objects.bulk_create([ContainerJob(image="busybox", scheduled_at=given)])[0].due_at is not None


@pytest.mark.parametrize("given", ["tomorrow", "2030-02-30 10:00", ""])
def test_what_is_no_time_has_the_field_s_own_error(given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ContainerJob.objects.create(image="busybox", scheduled_at=given)
    [message] = caught.value.message_dict["scheduled_at"]
    assert f"“{given}” value has" in message
    assert not ContainerJob.objects.exists()
