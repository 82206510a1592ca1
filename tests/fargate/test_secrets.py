"""Secrets by reference reach the command through the platform; plain ones are refused unless allowed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import boto3
import pytest
from local_clouds.fargate import LocalFargate

from container_manager_core.errors import InvalidInput, PermanentError
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import Secret
from container_manager_fargate.plugin import container_manager_secret_resolvers

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def stored(cloud: LocalFargate, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A secret in each store, by reference."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", cloud.region)
    manager, parameters = boto3.client("secretsmanager"), boto3.client("ssm")
    manager.create_secret(Name="tests/plain", SecretString=SECRET)
    arn = manager.create_secret(Name="tests/json", SecretString=json.dumps({"password": SECRET}))["ARN"]
    parameters.put_parameter(Name="/tests/token", Value=SECRET, Type="SecureString")
    yield {
        "PLAIN": "secret://aws-secretsmanager/tests/plain",
        "KEY": "secret://aws-secretsmanager/tests/json#password",
        "ARN": f"secret://aws-secretsmanager/{arn}#password",
        "PARAMETER": "secret://aws-ssm/tests/token",
    }
    for name in ("tests/plain", "tests/json"):
        manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    parameters.delete_parameter(Name="/tests/token")
    manager.close()
    parameters.close()


def test_references_are_given_by_the_platform_and_stand_in_no_description(
    cloud: LocalFargate, executor: Any, prepare: Any, wait: Any, stored: dict[str, str]
) -> None:
    script = "; ".join(f'echo "${name}" | wc -c' for name in stored)
    request = prepare("sh", "-c", script, secrets=dict.fromkeys(stored, SECRET))
    spec = attrs.evolve(request.spec, secrets={name: Secret.parse(value) for name, value in stored.items()})
    execution_id = executor.launch_job(attrs.evolve(request, spec=spec)).execution_id
    assert wait(executor, execution_id).exit_code == 0
    assert executor.get_logs(execution_id).stdout == f"{len(SECRET) + 1}\n".encode() * len(stored)
    (task,) = cloud.ecs.call("DescribeTasks", {"tasks": [execution_id], "include": ["TAGS"]}, None)["tasks"]
    definition = cloud.ecs.call("DescribeTaskDefinition", {"taskDefinition": task["taskDefinitionArn"]}, None)
    assert SECRET not in repr((task, definition))


def test_the_worker_resolves_the_same_references_to_mask_output(stored: dict[str, str]) -> None:
    resolvers = container_manager_secret_resolvers()
    for reference in stored.values():
        resolver, _, name = reference.removeprefix("secret://").partition("/")
        assert resolvers[resolver](name) == SECRET


def test_a_secret_that_does_not_exist_is_told_with_its_reference(stored: dict[str, str]) -> None:
    with pytest.raises(
        InvalidInput, match=r"secret://aws-ssm/tests/none: the secret cannot be read .*; check its name"
    ):
        container_manager_secret_resolvers()["aws-ssm"]("tests/none")
    with pytest.raises(InvalidInput, match="the secret is no JSON object with a key 'user'") as caught:
        container_manager_secret_resolvers()["aws-secretsmanager"]("tests/json#user")
    assert SECRET not in str(caught.value)


def test_a_secret_that_the_platform_cannot_find_fails_the_task(executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("true", secrets={"TOKEN": SECRET})
    spec = attrs.evolve(request.spec, secrets={"TOKEN": Secret.parse("secret://aws-secretsmanager/tests/none")})
    failure = wait(executor, executor.launch_job(attrs.evolve(request, spec=spec)).execution_id).failure
    assert failure.kind is FailureKind.SPEC
    assert failure.hint == "check the secret's name"


def test_a_plain_secret_is_in_the_plan_with_its_remedy(executor: Any, prepare: Any) -> None:
    spec = attrs.evolve(prepare("true").spec, secrets={"TOKEN": Secret.parse(SECRET)})
    (problem,) = executor.plan(spec).problems
    assert problem.place == "secrets['TOKEN']"
    assert "refer to it by secret://aws-secretsmanager/... or secret://aws-ssm/..." in problem.remedy
    assert SECRET not in repr(problem)


def test_plain_secrets_are_refused_unless_allowed(executor: Any, make_executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("sh", "-c", "echo $TOKEN | wc -c", secrets={"TOKEN": SECRET})
    with pytest.raises(PermanentError, match=r"secrets\['TOKEN'\]: Fargate would show the value of 'TOKEN'") as caught:
        executor.launch_job(request)
    assert "allow_plain_secrets" in str(caught.value)
    assert SECRET not in str(caught.value)
    allowed = make_executor(allow_plain_secrets=True)
    execution_id = allowed.launch_job(request).execution_id
    wait(allowed, execution_id)
    assert allowed.get_logs(execution_id).stdout == f"{len(SECRET) + 1}\n".encode()


def test_asking_for_the_stores_imports_no_sdk() -> None:
    code = (
        "import sys; from container_manager_core import Plugins; found = Plugins.load().secret_resolvers(); "
        "print(sorted(found), any(name in sys.modules for name in ('boto3', 'botocore')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert "'aws-secretsmanager', 'aws-ssm'" in done.stdout
    assert done.stdout.endswith("False\n")
