"""Secrets that the platform itself gives to a task: by reference to one of its stores."""

import re
from collections.abc import Mapping

from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.spec import ContainerSpec
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.stores import PARAMETER_STORE, SECRETS_MANAGER, parameter_name, split_key

_REFERENCE = re.compile(rf"secret://(?P<store>{SECRETS_MANAGER}|{PARAMETER_STORE})/(?P<name>.+)")


def by_reference(spec: ContainerSpec, options: FargateOptions, region: str) -> Mapping[str, str]:
    """By variable, where the platform finds the value."""
    found = {name: _place(secret, options, region) for name, secret in spec.secrets.items()}
    return {name: place for name, place in found.items() if place is not None}


def plain_secrets(spec: ContainerSpec) -> list[str]:
    """The variables whose value the platform cannot find by itself."""
    return sorted(name for name, secret in spec.secrets.items() if _match(secret) is None)


def _match(secret: Secret) -> re.Match[str] | None:
    return _REFERENCE.fullmatch(secret.text) if secret.form is SecretForm.REFERENCE else None


def _place(secret: Secret, options: FargateOptions, region: str) -> str | None:
    match = _match(secret)
    if match is None:
        return None
    if match["store"] == PARAMETER_STORE:
        return parameter_name(match["name"])
    name, key = split_key(match["name"])
    arn = name
    if not name.startswith("arn:"):
        arn = f"arn:{options.partition}:secretsmanager:{region}:{options.account_id}:secret:{name}"
    return f"{arn}:{key}::" if key else arn
