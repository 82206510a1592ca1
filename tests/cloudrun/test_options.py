"""A host's options: what is wrong is told with the place, the value and the remedy."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from container_manager_cloudrun import CloudRunOptions
from container_manager_cloudrun.plugin import container_manager_executors
from container_manager_cloudrun.prices import cost, price, rates_of, size_of
from container_manager_core.errors import ConfigurationError, InvalidInput
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.structuring import structure

PLACE = {"project": "my-project", "region": "europe-west1"}
HOST = "container-manager.toml: hosts.cloud.config"


def options(**given: Any) -> CloudRunOptions:
    return structure({**PLACE, **given}, CloudRunOptions, HOST)


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"project": "My Project"}, "project", "'My Project'"),
        ({"project": 7}, "project", "7 is not a string"),
        ({"region": "europe"}, "region", "europe-west1"),
        ({"service_account": "nobody"}, "service_account", "e-mail"),
        ({"vpc_connector": "mine"}, "vpc_connector", "connectors/NAME"),
        ({"cpu_limit": 9}, "cpu_limit", "9.0 is out of range"),
        ({"memory_limit": 40_000}, "memory_limit", "40000 is out of range"),
        ({"memory_limit": "1Gi"}, "memory_limit", "'1Gi' is not a whole number"),
        ({"max_retries": 11}, "max_retries", "11 is out of range"),
        ({"task_timeout": 700_000}, "task_timeout", "700000.0 is out of range"),
        ({"api_endpoint": "https://run.googleapis.com"}, "api_endpoint", "host:port"),
        ({"labels": {"Team": "x"}}, "labels['Team']", "lower-case"),
        ({"allow_plain_secrets": "no"}, "allow_plain_secrets", "'no'"),
        ({"log_reads_per_minute": 0}, "log_reads_per_minute", "0 is out of range"),
        ({"timeout": 0}, "timeout", "0 is out of range"),
        ({"zone": "a"}, "zone", "unknown"),
    ],
)
def test_a_wrong_option_is_refused(given: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        options(**given)
    assert caught.value.place.startswith(HOST)
    assert place in caught.value.place
    assert words in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["project", "region"])
def test_a_missing_option_is_named(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{missing}: this key is missing"):
        structure({name: value for name, value in PLACE.items() if name != missing}, CloudRunOptions, HOST)


@pytest.mark.parametrize(
    ("asked", "gets"),
    [
        (Resources(), (1, 512)),
        (Resources(cpus=0.1, memory_mib=64), (1, 512)),
        (Resources(memory_mib=4096), (1, 4096)),
        (Resources(memory_mib=4097), (2, 4097)),
        (Resources(cpus=3), (4, 2048)),
        (Resources(cpus=5, memory_mib=1000), (6, 4096)),
        (Resources(memory_mib=32_768), (8, 32_768)),
    ],
)
def test_a_size_is_rounded_up(asked: Resources, gets: tuple[int, int]) -> None:
    size = size_of(options(), ContainerSpec(image="busybox", resources=asked))
    assert (size.cpus, size.memory_mib) == gets


def test_the_hosts_size_is_for_jobs_that_ask_for_none() -> None:
    host = options(cpu_limit=2, memory_limit=1024)
    assert str(size_of(host, ContainerSpec(image="busybox"))) == "2 CPUs with 1024 MiB"
    assert str(size_of(host, ContainerSpec(image="busybox", resources=Resources(cpus=1)))) == "1 CPUs with 1024 MiB"


@pytest.mark.parametrize(
    ("spec", "place", "words"),
    [
        ({"resources": Resources(cpus=9)}, "resources.cpus", "8 CPUs with 32768 MiB"),
        ({"resources": Resources(memory_mib=40_000)}, "resources.memory_mib", "8 CPUs with 32768 MiB"),
        ({"user": "nobody"}, "user", "another host"),
        ({"networks": ("one",)}, "networks", "vpc_connector"),
        ({"privileged": True}, "privileged", "another host"),
        ({"platform": "linux/arm64"}, "platform", "linux/amd64"),
        ({"pull": "always"}, "pull", "digest"),
        ({"timeout_seconds": 8 * 86400.0}, "timeout_seconds", "604800"),
        ({"environment": {"LONG": "x" * 32_769}}, "environment['LONG']", "32768 bytes"),
        ({"environment": {"CLOUD_RUN_JOB": "x"}}, "environment['CLOUD_RUN_JOB']", "rename it"),
        ({"secrets": {"TOKEN": "secret://env/TOKEN"}}, "secrets['TOKEN']", "allow_plain_secrets"),
        ({"secrets": {"TOKEN": "secret://gcp-secretmanager/mine"}}, "secrets", "projects/PROJECT/secrets/NAME"),
    ],
)
def test_what_cloud_run_cannot_do_is_refused_with_the_remedy(
    make_executor: Any, spec: dict[str, Any], place: str, words: str
) -> None:
    plan = make_executor(allow_plain_secrets=False).plan(ContainerSpec(image="busybox", **spec))
    (problem,) = plan.problems
    assert problem.place == place
    assert words in f"{problem.message}; {problem.remedy}"
    assert problem.remedy


def test_a_plan_shows_the_size_and_what_an_hour_costs(make_executor: Any) -> None:
    plan = make_executor().plan(ContainerSpec(image="busybox", resources=Resources(cpus=3, memory_mib=100)))
    assert (plan.cpus, plan.memory_mib) == (4.0, 2048)
    assert (
        plan.cost_per_hour_low == plan.cost_per_hour_high == 3600 * (4 * Decimal("0.000018") + 2 * Decimal("0.000002"))
    )


def test_the_price_list_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(
        'source = "a contract"\ndate = 2026-01-31\ncurrency = "EUR"\n'
        "[regions]\neurope-west1 = { per_vcpu_second = 1, per_gib_second = 2 }\n"
    )
    spec = ContainerSpec(image="busybox", resources=Resources(memory_mib=1024))
    assert price(options(prices=str(path)), spec) == 3600 * 3
    assert price(options(region="us-central1", prices=str(path)), spec) == 0


def test_a_price_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml: the price list cannot be read"):
        rates_of(options(prices=str(tmp_path / "absent.toml")))


def test_a_run_is_billed_in_steps_and_for_at_least_a_minute() -> None:
    rates = rates_of(options())
    assert rates is not None
    size = size_of(options(), ContainerSpec(image="busybox", resources=Resources(memory_mib=1024)))
    per_second = Decimal("0.00002")
    assert cost(rates, size, 1.0) == 60 * per_second
    assert cost(rates, size, 90.01) == Decimal("90.1") * per_second


def test_the_type_has_a_price() -> None:
    (executor_type,) = container_manager_executors()
    assert executor_type.price is not None
    assert executor_type.price(options(), ContainerSpec(image="busybox")) > 0


@pytest.mark.parametrize("text", ["x", "12", "12|zz", "|"])
def test_a_cursor_of_another_executor_is_refused(make_executor: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match="no cursor of the Cloud Run executor"):
        make_executor().read_logs("projects/local-project/locations/europe-west1/jobs/a/executions/b", text)
