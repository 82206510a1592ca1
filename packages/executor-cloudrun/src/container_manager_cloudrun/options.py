"""Where a Cloud Run host is, who runs there, and within which limits."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from container_manager_core.errors import ConfigurationError
from container_manager_core.validation import require_boolean, require_integer, require_number

LONGEST_TIMEOUT_SECONDS = 168 * 3600
"""Longest task timeout, of which more than 24 hours was a preview.

Source: https://cloud.google.com/run/docs/create-jobs, read 2026-11-21.
"""

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,20}")
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+[0-9]{1,2}")
_ENDPOINT = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+")
_CONNECTOR = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/connectors/[^/\s]+")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def _require_form(place: str, value: Any, form: re.Pattern[str], remedy: str) -> None:
    if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
        raise ConfigurationError(place, f"{value!r} is not of the right form", remedy)


def _require_labels(labels: Any) -> None:
    for key, value in dict(labels).items():
        if not _LABEL_KEY.fullmatch(str(key)) or not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"labels[{key!r}]",
                f"{key!r} = {value!r} is no label",
                "use lower-case letters, digits, '_' and '-', at most 63",
            )


@attrs.frozen(kw_only=True)
class CloudRunOptions:
    """A Cloud Run host's own options; checked where they are made.

    Attributes:
        project: the project's id or number.
        region: for example ``europe-west1``.
        service_account: e-mail of the account that containers run as; None is the project's default one.
        vpc_connector: ``projects/<project>/locations/<region>/connectors/<name>``.
        cpu_limit: CPUs where a job asks for none; None is the least that goes with its memory.
        memory_limit: MiB where a job asks for none; None is the least that goes with its CPUs.
        max_retries: how often the platform itself runs a failed task again, 0 to 10. Above 0 one attempt may
            run more than once, with the output of all runs.
        task_timeout: seconds after which the platform ends a job that has no timeout of its own.
        labels: put on every definition and execution, for the project's billing.
        credentials: ``adc`` (Application Default Credentials), the path of a key file, or ``anonymous`` for a
            test server.
        api_endpoint, logging_endpoint: ``host[:port]`` of another server than Google's.
        ca_file: PEM file of the authorities to trust; None takes the usual ones.
        timeout: longest time one call may take, in seconds.
        allow_plain_secrets: pass secrets that are not in Secret Manager as plain variables, which
            everybody sees who may look at executions.
        reads_per_minute, writes_per_minute, log_reads_per_minute: calls that this process makes at most, to
            all hosts of one project and region.
        settle_seconds: how long the platform may not show what it has accepted.
        quiet_seconds: how long after an end output may still be on its way.
        definition_days: days after its last use a definition is removed.
        prices: path of a price list that replaces the one brought along.
    """

    project: str
    region: str
    service_account: str | None = None
    vpc_connector: str | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    max_retries: int = 0
    task_timeout: float = float(LONGEST_TIMEOUT_SECONDS)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    credentials: str = "adc"
    api_endpoint: str = "run.googleapis.com"
    logging_endpoint: str = "logging.googleapis.com"
    ca_file: Path | None = None
    timeout: float = 30.0
    allow_plain_secrets: bool = False
    reads_per_minute: int = 3000
    writes_per_minute: int = 180
    log_reads_per_minute: int = 60
    settle_seconds: float = 5.0
    quiet_seconds: float = 5.0
    definition_days: float = 7.0
    prices: Path | None = None

    def __attrs_post_init__(self) -> None:
        _require_form("project", self.project, _PROJECT, "give the project's id, for example my-project-123")
        _require_form("region", self.region, _REGION, "give a region such as europe-west1")
        _require_form("service_account", self.service_account, _ACCOUNT, "give the account's e-mail address")
        _require_form(
            "vpc_connector", self.vpc_connector, _CONNECTOR, "write projects/PROJECT/locations/REGION/connectors/NAME"
        )
        _require_form("api_endpoint", self.api_endpoint, _ENDPOINT, "write host or host:port")
        _require_form("logging_endpoint", self.logging_endpoint, _ENDPOINT, "write host or host:port")
        _require_form("credentials", self.credentials, re.compile(r"[^\0]+"), "write adc, anonymous or a path")
        _require_labels(self.labels)
        require_number("cpu_limit", self.cpu_limit, 0.01, 8, "CPUs")
        require_integer("memory_limit", self.memory_limit, 1, 32_768, "MiB")
        require_integer("max_retries", self.max_retries, 0, 10, "retries")
        require_number("task_timeout", self.task_timeout, 1, LONGEST_TIMEOUT_SECONDS, "seconds")
        require_boolean("allow_plain_secrets", self.allow_plain_secrets)
        require_number("timeout", self.timeout, 0.1, 3600, "seconds")
        require_number("settle_seconds", self.settle_seconds, 0, 600, "seconds")
        require_number("quiet_seconds", self.quiet_seconds, 0, 600, "seconds")
        require_number("definition_days", self.definition_days, 0.01, 3650, "days")
        for place in ("reads_per_minute", "writes_per_minute", "log_reads_per_minute"):
            require_integer(place, getattr(self, place), 1, 1_000_000, "calls")

    @property
    def parent(self) -> str:
        """The region's resource name."""
        return f"projects/{self.project}/locations/{self.region}"
