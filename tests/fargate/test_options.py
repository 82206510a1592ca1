"""A host's options are checked, sizes are the platform's, and prices can be replaced."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from container_manager_core.errors import ConfigurationError
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.structuring import structure
from container_manager_fargate import FargateOptions
from container_manager_fargate.plugin import container_manager_executors
from container_manager_fargate.sizes import MEMORY_MIB_BY_CPU_UNITS, fit, misfit

ROLE = "arn:aws:iam::123456789012:role/execution"
LEAST: dict[str, Any] = {"subnets": ["subnet-1"], "execution_role_arn": ROLE}


def structured(**config: Any) -> FargateOptions:
    return structure({**LEAST, **config}, FargateOptions, "hosts.cloud.config")


def test_a_cluster_subnets_and_a_role_are_enough() -> None:
    options = structured()
    assert (options.cluster, options.subnets, options.account_id) == ("default", ("subnet-1",), "123456789012")


def test_everything_that_users_rely_on_is_an_option() -> None:
    options = structured(
        cluster="jobs",
        security_groups=["sg-1"],
        task_role_arn=ROLE,
        platform_version="1.4.0",
        assign_public_ip=True,
        region="us-gov-west-1",
        endpoint_url="http://127.0.0.1:4566",
    )
    assert options.security_groups == ("sg-1",)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"subnets": []}, "subnets: there are 0 of them; give 1 to 16"),
        ({"subnets": ["vpc-1"]}, "subnets: 'vpc-1' is no id; write ids such as subnet-0abc1234"),
        ({"security_groups": ["sg-1"] * 6}, "security_groups: there are 6 of them; give 0 to 5"),
        ({"execution_role_arn": "role"}, "execution_role_arn: 'role' cannot be used; write arn:aws:iam::<account>"),
        ({"task_role_arn": ""}, "task_role_arn: '' cannot be used"),
        (
            {"cluster": "arn:aws:ecs:x"},
            "cluster: 'arn:aws:ecs:x' cannot be used; write the cluster's name, not its ARN",
        ),
        ({"region": "Frankfurt"}, "region: 'Frankfurt' cannot be used; write it as in eu-central-1"),
        ({"endpoint_url": "localhost:4566"}, "endpoint_url: 'localhost:4566' cannot be used; write http://host:port"),
        ({"platform_version": "latest"}, "platform_version: 'latest' cannot be used; write LATEST"),
        ({"ephemeral_storage_gib": 20}, "ephemeral_storage_gib: 20 is out of range; use 21 to 200 GiB"),
        ({"log_retention_days": 8}, "log_retention_days: 8 is no such number of days; use one of 1, 3, 5, 7"),
        ({"timeout": 0}, "timeout: 0.0 is out of range; use 0.1 to 3600 seconds"),
        ({"assign_public_ip": "yes"}, "assign_public_ip: 'yes' is not true or false"),
        ({"access_key": "x"}, "the key 'access_key' is unknown; known are: subnets, execution_role_arn, cluster"),
    ],
)
def test_a_wrong_option_is_an_error_with_place_value_and_remedy(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        structured(**config)
    assert "hosts.cloud.config" in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_role_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"execution_role_arn: this key is missing"):
        structure({"subnets": ["subnet-1"]}, FargateOptions, "hosts.cloud.config")


@pytest.mark.parametrize(
    ("asked", "cpu_units", "memory_mib"),
    [
        (Resources(), 256, 512),
        (Resources(memory_mib=64, cpus=0.1), 256, 512),
        (Resources(memory_mib=513), 256, 1024),
        (Resources(memory_mib=3000), 512, 3072),
        (Resources(cpus=0.26), 512, 1024),
        (Resources(cpus=1, memory_mib=1000), 1024, 2048),
        (Resources(cpus=3), 4096, 8192),
        (Resources(memory_mib=31_000), 8192, 32_768),
        (Resources(cpus=16, memory_mib=122_880), 16_384, 122_880),
    ],
)
def test_a_request_is_rounded_up_to_the_next_size(asked: Resources, cpu_units: int, memory_mib: int) -> None:
    size = fit(asked)
    assert size is not None
    assert (size.cpu_units, size.memory_mib) == (cpu_units, memory_mib)


def test_every_size_of_the_table_fits_itself() -> None:
    for cpu_units, memories in MEMORY_MIB_BY_CPU_UNITS.items():
        for memory_mib in memories:
            size = fit(Resources(cpus=cpu_units / 1024, memory_mib=memory_mib))
            assert size is not None
            assert (size.cpu_units, size.memory_mib) == (cpu_units, memory_mib)


@pytest.mark.parametrize(
    ("asked", "place", "nearest"),
    [
        (Resources(cpus=20), "resources.cpus", "16 vCPU with 32768 MiB"),
        (Resources(memory_mib=130_000), "resources.memory_mib", "16 vCPU with 122880 MiB"),
    ],
)
def test_what_has_no_size_is_refused_with_the_nearest(asked: Resources, place: str, nearest: str) -> None:
    assert fit(asked) is None
    problem = misfit(asked)
    assert (problem.place, problem.remedy) == (place, f"the nearest is {nearest}")


PRICES = """
source = "our contract"
date = 2026-11-01
currency = "EUR"
[regions.eu-central-1]
per_vcpu_second = "0.01"
per_gib_second = "0.001"
"""


def test_prices_can_be_replaced(tmp_path: Path) -> None:
    (fargate,) = container_manager_executors()
    assert fargate.price is not None
    spec = ContainerSpec(image="alpine", resources=Resources(cpus=1, memory_mib=2048))
    usual = fargate.price(structured(region="eu-central-1"), spec)
    assert float(usual) == pytest.approx(0.04656 + 2 * 0.00511, rel=1e-5)
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    assert fargate.price(structured(region="eu-central-1", prices=str(file)), spec) == Decimal("43.2")


def test_arm_costs_less() -> None:
    (fargate,) = container_manager_executors()
    assert fargate.price is not None
    options = structured(region="us-east-1")
    arm, intel = (
        fargate.price(options, ContainerSpec(image="alpine", platform=f"linux/{kind}")) for kind in ("arm64", "amd64")
    )
    assert 0 < arm < intel
