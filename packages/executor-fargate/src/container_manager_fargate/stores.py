"""The platform's stores of secrets, read by a worker: for other executors, and to mask output.

A task on Fargate does not get its secrets from here: the platform gives them to it by itself.
"""

import json
from collections.abc import Mapping
from typing import Any

from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import SecretResolver

SECRETS_MANAGER, PARAMETER_STORE = "aws-secretsmanager", "aws-ssm"


def split_key(name: str) -> tuple[str, str]:
    """The name of a secret and, behind a ``#``, the key in the JSON object that it holds."""
    secret, _, key = name.partition("#")
    return secret, key


def parameter_name(name: str) -> str:
    """A parameter's name or ARN; one in a folder begins with a slash, which a reference may leave out."""
    return name if "/" not in name or name.startswith(("/", "arn:")) else f"/{name}"


def _secret(name: str) -> str:
    """The value of ``name``, ``name#key`` or the same with an ARN, from AWS Secrets Manager."""
    secret, key = split_key(name)
    answer = _ask("secretsmanager", "get_secret_value", SECRETS_MANAGER, name, SecretId=secret)
    value = answer.get("SecretString")
    if value is None:
        raise InvalidInput(f"secret://{SECRETS_MANAGER}/{name}", "the secret is binary", "store it as text")
    if not key:
        return str(value)
    try:
        return str(json.loads(value)[key])
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"secret://{SECRETS_MANAGER}/{name}", f"the secret is no JSON object with a key {key!r}", "correct the key"
        ) from None


def _parameter(name: str) -> str:
    """The value of a parameter of AWS Systems Manager, decrypted."""
    answer = _ask("ssm", "get_parameter", PARAMETER_STORE, name, Name=parameter_name(name), WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _ask(service: str, operation: str, resolver: str, name: str, **parameters: Any) -> Mapping[str, Any]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    words = next(iter(parameters.values())).split(":")
    region = words[3] if len(words) > 5 and words[0] == "arn" else None
    try:
        client = boto3.session.Session().client(service, region_name=region)
        answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
    except (BotoCoreError, ClientError) as error:
        raise InvalidInput(
            f"secret://{resolver}/{name}",
            f"the secret cannot be read ({error})",
            "check its name, the region and what the worker's credentials may do",
        ) from error
    return answer


SECRET_STORES: Mapping[str, SecretResolver] = {SECRETS_MANAGER: _secret, PARAMETER_STORE: _parameter}
"""By the name that a reference has: ``secret://aws-secretsmanager/...`` and ``secret://aws-ssm/...``."""
