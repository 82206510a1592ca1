"""Every setting has an effect."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from django.test import override_settings

from container_manager import conf
from container_manager.conversion.hosts import configured_hosts, typed_options
from container_manager.manager import get_manager, get_plugins, reset
from container_manager.models import ContainerJob, ExecutorHost
from container_manager_core.config import WorkerSettings
from container_manager_core.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    reset()
    yield
    reset()


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("MAX_CONCURRENT_JOBS", 3, "max_concurrent_jobs"),
        ("POLL_INTERVAL", 0.5, "poll_interval_seconds"),
        ("LEASE_SECONDS", 7.0, "lease_seconds"),
        ("LOST_GRACE_SECONDS", 8.0, "lost_grace_seconds"),
        ("HEALTH_INTERVAL_SECONDS", 9.0, "health_interval_seconds"),
        ("REAP_INTERVAL_SECONDS", 10.0, "reap_interval_seconds"),
        ("CLEANUP_ENABLED", False, "cleanup_enabled"),
        ("IMMEDIATE_CLEANUP", False, "immediate_cleanup"),
    ],
)
def test_a_setting_of_the_worker_reaches_it(key: str, value: Any, field: str) -> None:
    with override_settings(CONTAINER_MANAGER={key: value}):
        assert get_manager().config.worker == attrs.evolve(WorkerSettings(), **{field: value})


def options_of(name: str) -> Any:
    return typed_options(configured_hosts()[name])


def test_image_pulls_follow_the_settings_on_every_docker_host_that_does_not_say_otherwise() -> None:
    ExecutorHost.objects.create(name="row")
    ExecutorHost.objects.create(name="own", executor_config={"pull": "always", "pull_timeout_seconds": 9})
    executors = {"docker": {"hosts": {"named": {}, "stubborn": {"pull": "missing"}}}, "mock": {}}
    pulling = {"AUTO_PULL_IMAGES": False, "IMAGE_PULL_TIMEOUT": 42}
    with override_settings(CONTAINER_MANAGER=pulling, CONTAINER_EXECUTORS=executors):
        found = {name: options_of(name) for name in configured_hosts()}
    pulls = {name: (found[name].pull.value, found[name].pull_timeout_seconds) for name in found if name != "mock"}
    assert pulls == {
        "row": ("never", 42),
        "own": ("always", 9),
        "named": ("never", 42),
        "stubborn": ("missing", 42),
    }


def test_the_built_in_host_follows_them_too() -> None:
    assert (options_of("local").pull.value, options_of("local").pull_timeout_seconds) == ("missing", 300)
    with override_settings(CONTAINER_MANAGER={"AUTO_PULL_IMAGES": False, "IMAGE_PULL_TIMEOUT": 42}):
        assert (options_of("local").pull.value, options_of("local").pull_timeout_seconds) == ("never", 42)


def test_a_host_s_own_box_keeps_it_from_pulling() -> None:
    ExecutorHost.objects.create(name="row", auto_pull_images=False)
    assert options_of("row").pull.value == "never"


def test_a_row_replaces_the_settings_host_of_the_same_name() -> None:
    ExecutorHost.objects.create(name="one", weight=7)
    with override_settings(CONTAINER_EXECUTORS={"docker": {"hosts": {"one": {"weight": 9}, "two": {"weight": 3}}}}):
        assert {name: host.weight for name, host in configured_hosts().items()} == {"one": 7, "two": 3}


def test_options_of_an_executor_are_those_of_all_its_hosts_and_a_host_s_own_win() -> None:
    executors = {"docker": {"timeout": 5, "weight": 50, "hosts": {"one": {}, "two": {"timeout": 6, "weight": 60}}}}
    with override_settings(CONTAINER_EXECUTORS=executors):
        hosts = configured_hosts()
        found = {name: (options_of(name).timeout, hosts[name].weight) for name in hosts}
    assert found == {"one": (5, 50), "two": (6, 60)}


def test_an_executor_that_only_the_settings_name_can_be_used() -> None:
    path = "container_manager_core.executors.mock.executor_type.MOCK"
    executors = {"mine": {"class": path, "default": True, "hosts": {"pretended": {"exit_code": 3}}}}
    with override_settings(CONTAINER_EXECUTORS=executors):
        reset()
        assert get_plugins().executor_type("mine").distribution == "CONTAINER_EXECUTORS['mine']"
        job = ContainerJob.objects.create(image="anything")
        assert job.docker_host_id == "pretended"
        assert job.docker_host is None, "it has no row"
        assert job.launch()
        assert job.harvest()
        assert (job.status, job.exit_code, job.executor_type) == ("failed", 3, "mine")


def test_what_is_no_executor_type_is_named_and_does_not_stop_the_others() -> None:
    with override_settings(CONTAINER_EXECUTORS={"bad": {"class": "nowhere.X"}, "mock": {}}):
        reset()
        (problem,) = get_plugins().problems
        assert "CONTAINER_EXECUTORS['bad']" in str(problem)
        assert get_plugins().executor_type("mock")


def test_hosts_of_an_executor_that_is_not_enabled_take_no_jobs() -> None:
    with override_settings(CONTAINER_EXECUTORS={"docker": {"enabled": False, "hosts": ["one"]}}):
        assert [host.active for host in configured_hosts().values()] == [False]


def test_jobs_that_name_no_host_get_the_default_one_unless_routing_decides() -> None:
    executors = {"docker": {"hosts": ["one"]}, "mock": {"default": True, "hosts": ["two", "three"]}}
    with override_settings(CONTAINER_EXECUTORS=executors):
        assert ContainerJob.objects.create(image="a").docker_host_id == "two"
        with override_settings(USE_EXECUTOR_FACTORY=True):
            assert ContainerJob.objects.create(image="a").docker_host_id is None


@pytest.mark.parametrize(("routes", "host"), [(True, "large"), (False, "small")])
def test_rules_decide_only_where_routing_does(routes: bool, host: str) -> None:
    rule = {"condition": "resources.memory_mib > 100", "host": "large", "reason": "it needs room"}
    executors = {"mock": {"hosts": ["small", "large"]}}
    with override_settings(CONTAINER_EXECUTORS=executors, EXECUTOR_ROUTING_RULES=[rule], USE_EXECUTOR_FACTORY=routes):
        reset()
        job = ContainerJob.objects.create(image="a", memory_limit=128)
        get_manager().worker().run(once=True)
        job.refresh_from_db()
    assert job.host_name == host
    assert ("it needs room" in job.routing_reason) == routes


def test_without_a_default_the_first_active_host_is_it() -> None:
    ExecutorHost.objects.create(name="a", is_active=False)
    ExecutorHost.objects.create(name="b")
    ExecutorHost.objects.create(name="c")
    assert ContainerJob.objects.create(image="a").docker_host_id == "b"


def test_a_job_that_names_no_host_on_a_fresh_project_may_run_on_the_built_in_one() -> None:
    assert ContainerJob.objects.create(image="a").docker_host_id is None
    assert ContainerJob.objects.create(image="a", docker_host_id="local").docker_host_id is None


def test_many_jobs_in_bulk_look_the_hosts_up_once(django_assert: Any) -> None:
    ExecutorHost.objects.create(name="one")
    jobs = [ContainerJob(image="a") for _ in range(50)]
    with django_assert(at_most=6):
        ContainerJob.objects.bulk_create(jobs)
    assert {job.docker_host_id for job in jobs} == {"one"}


def test_a_host_that_was_written_past_the_form_and_cannot_be_used_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ExecutorHost.objects.create(name="bad", weight=0)
    ExecutorHost.objects.create(name="good")
    assert list(configured_hosts()) == ["good"]
    assert "hosts.bad.weight: 0 is out of range" in caplog.text


def test_a_value_of_the_wrong_type_names_its_key() -> None:
    with (
        override_settings(CONTAINER_MANAGER={"CLEANUP_ENABLED": "no"}),
        pytest.raises(ConfigurationError, match="cleanup_enabled: 'no' is not true or false"),
    ):
        conf.manager_settings()
