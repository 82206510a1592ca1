"""Mistakes in a host's options are told with the place and the remedy, before Scaleway is asked."""

from pathlib import Path
from typing import Any

import pytest

from container_manager_core.errors import ConfigurationError
from container_manager_core.executor import ExecutorContext
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.structuring import structure
from container_manager_scaleway import ScalewayOptions
from container_manager_scaleway.executor import ScalewayExecutor
from container_manager_scaleway.plugin import container_manager_executors

PROJECT = "10ca1000-0000-4000-8000-000000000002"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("project_id", "my-project", "'my-project' is no project's id; copy the UUID"),
        ("region", "Paris", "'Paris' is no region; write fr-par"),
        ("access_key", "SCWXXXXXXXXXXXXXXXXX", "not given by reference; write secret://env/NAME"),
        ("secret_key", "secret://vault/key", "not given by reference"),
        ("cockpit_token", "token", "not given by reference"),
        ("api_url", "https://api.scaleway.com/", "without a slash at the end"),
        ("cockpit_url", "logs.example", "no usable address"),
        ("log_selector", '{job="x"}', "selects no job run's lines"),
        ("log_overlap_seconds", -1, "-1.0 is out of range; use a number from 0 to 3600 seconds"),
        ("allow_plain_secrets", "no", "'no' is not true or false"),
        ("memory_mib", 64, "64 is out of range; use a whole number from 128"),
        ("cpus", 0, "0.0 is out of range"),
        ("prices", "", "'' is no path"),
        ("timeout", 0, "out of range"),
        ("max_tries", 0, "0 is out of range; use a whole number from 1 to 20 tries"),
        ("zone", "fr-par-1", "the key 'zone' is unknown; known are: project_id, region"),
    ],
)
def test_a_wrong_option_is_told_with_its_place_and_remedy(option: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        structure({option: value}, ScalewayOptions, "hosts.cloud.config")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"hosts.cloud.config: {option}")


def test_an_access_key_without_its_secret_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give both or neither"):
        ScalewayOptions(access_key="secret://env/ACCESS")


def test_keys_of_the_wrong_form_are_refused_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("SCWXXXXXXXXXXXXXXXXX")
    (tmp_path / "secret").write_text("no-uuid-but-secret")
    options = ScalewayOptions(
        project_id=PROJECT,
        region="fr-par",
        access_key=f"secret://file{tmp_path}/access",
        secret_key=f"secret://file{tmp_path}/secret",
    )
    with pytest.raises(ConfigurationError, match="Invalid secret key format") as caught:
        ScalewayExecutor(options, ExecutorContext(host="cloud", installation_id="tests"))
    assert "no-uuid-but-secret" not in str(caught.value)
    assert "correct the host's options" in str(caught.value)


def test_what_neither_the_host_nor_the_environment_gives_is_named(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SCW_DEFAULT_PROJECT_ID", raising=False)
    monkeypatch.setenv("SCW_CONFIG_PATH", str(tmp_path / "none"))
    options = ScalewayOptions(region="fr-par", **keys)
    with pytest.raises(ConfigurationError, match=r"project_id: neither .* set it, or SCW_DEFAULT_PROJECT_ID"):
        ScalewayExecutor(options, ExecutorContext(host="cloud", installation_id="tests"))


def test_sizes_are_rounded_up_and_their_price_is_told(make_executor: Any, usual_cloud: Any) -> None:
    executor = make_executor(usual_cloud)
    spec = ContainerSpec(image="alpine", resources=Resources(memory_mib=64, cpus=0.5005))
    plan = executor.plan(spec)
    assert (plan.can_run, plan.memory_mib, plan.cpus) == (True, 128, 0.501)
    price = container_manager_executors()[0].price
    assert price is not None
    assert plan.cost_per_hour_low == plan.cost_per_hour_high == price(ScalewayOptions(region="fr-par"), spec)
    assert float(plan.cost_per_hour_low) == pytest.approx(3600 * (0.501 * 1e-5 + 0.125 * 1e-6))


def test_a_spec_without_sizes_gets_scaleways_own(make_executor: Any, usual_cloud: Any) -> None:
    plan = make_executor(usual_cloud).plan(ContainerSpec(image="alpine"))
    assert (plan.memory_mib, plan.cpus) == (2048, 1.12)


@pytest.mark.parametrize(
    ("facts", "place", "remedy"),
    [
        ({"resources": Resources(memory_mib=16_385)}, "resources.memory_mib", "the nearest is 16384 MiB"),
        ({"resources": Resources(cpus=6.5)}, "resources.cpus", "the nearest is 6 vCPU"),
        ({"resources": Resources(gpus=1)}, "resources.gpus", "ask for none"),
        ({"resources": Resources(pids=10)}, "resources.pids", "leave the limit out"),
        ({"timeout_seconds": 90_000}, "timeout_seconds", "the longest is 86400 s"),
        ({"user": "root"}, "user", "another host"),
        ({"platform": "linux/arm64"}, "platform", "linux/amd64"),
        ({"entrypoint": ()}, "entrypoint", "give a command"),
        ({"environment": {"SCW_SLS_CPU": "1"}}, "environment['SCW_SLS_CPU']", "another name"),
        (
            {"secrets": {"TOKEN": f"secret://scaleway-secretmanager/nl-ams/{PROJECT}"}},
            "secrets['TOKEN']",
            "keep the secret in fr-par too",
        ),
        ({"secrets": {"TOKEN": "clear"}}, "secrets['TOKEN']", "secret://scaleway-secretmanager/<secret id>"),
    ],
)
def test_what_serverless_jobs_cannot_do_is_refused_with_the_remedy(
    make_executor: Any, usual_cloud: Any, facts: dict[str, Any], place: str, remedy: str
) -> None:
    plan = make_executor(usual_cloud, allow_plain_secrets=False).plan(ContainerSpec(image="alpine", **facts))
    (problem,) = plan.problems
    assert problem.place == place
    assert remedy in problem.remedy


def test_limits_and_prices_can_be_others(make_executor: Any, usual_cloud: Any, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        'source = "a contract"\ndate = 2030-01-01\ncurrency = "EUR"\n'
        "[regions.fr-par]\nper_vcpu_second = 1\nper_gib_second = 0\n"
    )
    executor = make_executor(usual_cloud, largest_memory_mib=32_768, prices=str(prices))
    plan = executor.plan(ContainerSpec(image="alpine", resources=Resources(memory_mib=20_000, cpus=2)))
    assert plan.can_run
    assert plan.cost_per_hour_low == 7200
