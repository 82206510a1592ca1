"""A host's options are checked where they are made, and name themselves when they are wrong."""

import subprocess
import sys
from typing import Any

import pytest

from container_manager_core.errors import ConfigurationError
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec
from container_manager_core.structuring import structure
from container_manager_docker import DockerOptions, RegistryCredentials
from container_manager_docker.translation.configuration import plan


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("base_url", "docker.sock"),
        ("base_url", "ftp://host"),
        ("base_url", 5),
        ("timeout", 0),
        ("timeout", True),
        ("pull", "sometimes"),
        ("pull_timeout_seconds", -1),
        ("tls_verify", "yes"),
        ("tls_ca_cert", ""),
        ("use_ssh_client", 1),
        ("registry_auth", ["docker.io"]),
        ("registry_auth", {"docker.io": {"username": "me"}}),
    ],
)
def test_a_wrong_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        DockerOptions(**{option: value})
    assert raised.value.place.startswith(option)


def test_a_password_in_clear_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="secret://env/NAME") as raised:
        RegistryCredentials(username="me", password="hunter2")
    assert "hunter2" not in str(raised.value)


def test_tls_needs_both_halves_and_an_address() -> None:
    with pytest.raises(ConfigurationError, match="give both or neither"):
        DockerOptions(base_url="tcp://host:2376", tls_client_cert="cert.pem")
    with pytest.raises(ConfigurationError, match="give a tcp:// address"):
        DockerOptions(tls_ca_cert="ca.pem")


def test_registering_imports_no_sdk() -> None:
    code = "import sys, container_manager_docker.plugin as p; p.container_manager_executors(); "
    code += "sys.exit('docker' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("word", ["missing", "always", "never"])
def test_a_pull_policy_is_written_as_a_word(word: str) -> None:
    assert structure({"pull": word}, DockerOptions, "hosts.local.config").pull.value == word


@pytest.mark.parametrize(
    ("facts", "place", "words"),
    [
        ({"resources": Resources(memory_mib=5)}, "resources.memory_mib", "give 6 MiB or more"),
        (
            {"networks": ["bridge"], "network_aliases": {"bridge": ["db"]}},
            "network_aliases['bridge']",
            "docker network create",
        ),
        ({"networks": ["host", "back"]}, "networks", "name it alone"),
    ],
)
def test_what_no_engine_can_do_is_planned_to_fail(facts: Any, place: str, words: str) -> None:
    (problem,) = plan(ContainerSpec(image="alpine", **facts)).problems
    assert problem.place == place
    assert words in problem.remedy
