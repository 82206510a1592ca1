"""Job definitions and the references to secrets in them, within the platform's limits."""

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local_clouds.scaleway.refusal import Refused, invalid, not_found, quota

LARGEST_MILLI_CPUS = 6000
LARGEST_MEMORY_MIB = 16_384
LARGEST_STORAGE_MIB = 10_000
LONGEST_SECONDS = 86_400
_LONGEST_NAME = 50
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")


def now() -> str:
    """The time as Scaleway writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Definitions:
    """The job definitions of the local cloud. Safe for several threads.

    Args:
        region: of all of them.
        most: how many there may be.
    """

    def __init__(self, region: str, most: int = 1000) -> None:
        self.most = most
        self.secret_values: dict[str, str] = {}
        """Secret Manager: values by secret id."""
        self._region = region
        self._definitions: dict[str, dict[str, Any]] = {}
        self._secrets: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def create(self, body: Mapping[str, Any], project_id: str) -> dict[str, Any]:
        """CreateJobDefinition."""
        _check(body)
        with self._lock:
            if len(self._definitions) >= self.most:
                raise quota("serverless_job_definitions", self.most)
            made = {
                "id": str(uuid4()),
                "name": body["name"],
                "project_id": project_id,
                "region": self._region,
                "created_at": now(),
                "updated_at": now(),
                "cpu_limit": body["cpu_limit"],
                "memory_limit": body["memory_limit"],
                "local_storage_capacity": body["local_storage_capacity"],
                "image_uri": body["image_uri"],
                "environment_variables": dict(body.get("environment_variables") or {}),
                "description": body.get("description", ""),
                "startup_command": list(body.get("startup_command") or ()),
                "args": list(body.get("args") or ()),
                "job_timeout": body.get("job_timeout") or f"{LONGEST_SECONDS}s",
                "retry_policy": body.get("retry_policy") or {"max_retries": 0},
            }
            self._definitions[made["id"]] = made
            return dict(made)

    def get(self, definition_id: str) -> dict[str, Any]:
        """GetJobDefinition."""
        with self._lock:
            if definition_id not in self._definitions:
                raise not_found("job_definition", definition_id)
            return dict(self._definitions[definition_id])

    def all(self) -> list[dict[str, Any]]:
        """Every definition."""
        with self._lock:
            return [dict(definition) for definition in self._definitions.values()]

    def delete(self, definition_id: str) -> None:
        """DeleteJobDefinition."""
        self.get(definition_id)
        with self._lock:
            self._definitions.pop(definition_id, None)
            self._secrets = {
                key: secret for key, secret in self._secrets.items() if secret["job_definition_id"] != definition_id
            }

    def add_secrets(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """CreateSecrets."""
        definition_id = body["job_definition_id"]
        self.get(definition_id)
        made = [
            {
                "secret_id": str(uuid4()),
                "secret_manager_id": secret["secret_manager_id"],
                "secret_manager_version": secret["secret_manager_version"],
                "job_definition_id": definition_id,
                "env_var": {"name": secret["env_var_name"]},
            }
            for secret in body["secrets"]
        ]
        with self._lock:
            taken = {secret["env_var"]["name"] for secret in self._of(definition_id)}
            if again := taken & {secret["env_var"]["name"] for secret in made}:
                raise Refused(409, "conflict", f"a secret is injected as {sorted(again)[0]} already")
            self._secrets |= {secret["secret_id"]: secret for secret in made}
        return {"secrets": made}

    def secrets(self, definition_id: str) -> list[dict[str, Any]]:
        """ListSecrets."""
        self.get(definition_id)
        with self._lock:
            return self._of(definition_id)

    def secret_variables(self, definition_id: str) -> dict[str, str]:
        """The variables that the secrets of a definition become; raises KeyError for a secret that is not there."""
        return {
            secret["env_var"]["name"]: self.secret_values[secret["secret_manager_id"]]
            for secret in self.secrets(definition_id)
        }

    def _of(self, definition_id: str) -> list[dict[str, Any]]:
        return [secret for secret in self._secrets.values() if secret["job_definition_id"] == definition_id]


def seconds(text: str) -> float:
    """A duration as Scaleway writes one."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise invalid("job_timeout", f"{text} is no duration")
    return float(match[1])


def _check(body: Mapping[str, Any]) -> None:
    ranges = {
        "cpu_limit": (70, LARGEST_MILLI_CPUS),
        "memory_limit": (128, LARGEST_MEMORY_MIB),
        "local_storage_capacity": (1, LARGEST_STORAGE_MIB),
    }
    for name, (least, most) in ranges.items():
        if not isinstance(body.get(name), int) or not least <= body[name] <= most:
            raise invalid(name, f"must be between {least} and {most}, not {body.get(name)}")
    if not body.get("image_uri"):
        raise invalid("image_uri", "required")
    if not body.get("name") or len(body["name"]) > _LONGEST_NAME:
        raise invalid("name", f"must have 1 to {_LONGEST_NAME} characters")
    if not 1 <= seconds(body.get("job_timeout") or "1s") <= LONGEST_SECONDS:
        raise invalid("job_timeout", f"must be between 1s and {LONGEST_SECONDS}s")
