"""How Serverless Jobs are reached, and what a job gets where its spec does not say."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs

from container_manager_core.errors import ConfigurationError
from container_manager_core.secrets import CORE_RESOLVERS
from container_manager_scaleway.limits import LARGEST_CPUS, LARGEST_MEMORY_MIB, LONGEST_SECONDS

_REFERENCE = re.compile(r"secret://(?P<resolver>[a-z][a-z0-9-]*)/.+")
_REGION = re.compile(r"[a-z]{2}-[a-z]{3}")
_URL = re.compile(r"https?://[^\s/]+(/[^\s]*)?(?<!/)")

SELECTOR = '{resource_type="serverless_job", resource_id="%(job_run_id)s"}'

_Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _require_uuid(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    try:
        usable = value is None or str(UUID(value)) == value
    except (ValueError, TypeError, AttributeError):
        usable = False
    if not usable:
        raise ConfigurationError(
            attribute.name, f"{value!r} is no project's id", "copy the UUID from the project's settings"
        )


def _require_region(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    if value is not None and not (isinstance(value, str) and _REGION.fullmatch(value)):
        raise ConfigurationError(attribute.name, f"{value!r} is no region", "write fr-par, nl-ams or pl-waw")


def _require_reference(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if value is not None and (match is None or match["resolver"] not in CORE_RESOLVERS):
        raise ConfigurationError(
            attribute.name,
            "this is not given by reference",
            "write secret://env/NAME or secret://file/absolute/path",
        )


def _require_url(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    if value is not None and not (isinstance(value, str) and _URL.fullmatch(value)):
        raise ConfigurationError(
            attribute.name, f"{value!r} is no usable address", "write https://host, without a slash at the end"
        )


def _require_selector(instance: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    try:
        filled = value % {"job_run_id": "run", "job_definition_id": "definition"}
    except (TypeError, ValueError, KeyError):
        filled = ""
    if not filled.startswith("{") or "%(job_run_id)s" not in value:
        raise ConfigurationError(
            attribute.name, f"{value!r} selects no job run's lines", f"write a LogQL selector such as {SELECTOR}"
        )


def _require_path(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value or "\0" in value):
        raise ConfigurationError(attribute.name, f"{value!r} is no path", "name a TOML file")


def _require_flag(instance: Any, attribute: "attrs.Attribute[bool]", value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(attribute.name, f"{value!r} is neither true nor false", "write true or false")


def _number(least: float, most: float, unit: str, whole: bool = False) -> _Validator:
    kinds: Any = int if whole else int | float
    word = "a whole number" if whole else "a number"

    def require(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            raise ConfigurationError(
                attribute.name, f"{value!r} is out of range", f"use {word} from {least:g} to {most:g} {unit}"
            )

    return require


@attrs.frozen(kw_only=True)
class ScalewayOptions:
    """A Scaleway host's own options; checked where they are made.

    Whatever of the account is left out comes from the SDK's own chain: SCW_ACCESS_KEY, SCW_SECRET_KEY,
    SCW_DEFAULT_PROJECT_ID, SCW_DEFAULT_REGION and SCW_API_URL, else the profile in ``~/.config/scw/config.yaml``.

    Attributes:
        project_id: the project whose jobs these are; best one that nothing else uses.
        region: ``fr-par``, ``nl-ams`` or ``pl-waw``.
        access_key, secret_key: ``secret://env/...`` or ``secret://file/...`` references to an API key.
        api_url: another API than Scaleway's own, for a test server or a private installation.
        cockpit_url: the logs data source's address; None asks the Cockpit API for it.
        cockpit_token: a reference to a Cockpit token that may query logs; None uses the API's secret key.
        log_selector: LogQL selector of one run's lines, with ``%(job_run_id)s`` in it.
        log_overlap_seconds: how much later than a younger line one may come and still be read live.
        log_quiet_seconds: how long an ended run's log has to stay the same before it counts as whole.
        allow_plain_secrets: whether secrets that are no ``secret://scaleway-secretmanager/...`` reference may be
            passed as plain variables of the run, for everybody to read who may list the project's runs.
        memory_mib, cpus: sizes where the spec has none; Scaleway's own defaults.
        largest_memory_mib, largest_cpus, longest_seconds: the account's limits, where they are others.
        local_storage_mib: disk space of a run.
        prices: path of a TOML file with other prices than the built-in ones.
        timeout: longest silence of one call, in seconds.
        calls_per_second, burst: most calls to the API, of all hosts of this process that use the same account.
        max_tries: how often one call is made while Scaleway answers that there are too many.
        visibility_seconds: how long a new run may be missing from Scaleway's lists.
        definition_idle_days: after how long without a run a job definition is deleted.
    """

    project_id: str | None = attrs.field(default=None, validator=_require_uuid)
    region: str | None = attrs.field(default=None, validator=_require_region)
    access_key: str | None = attrs.field(default=None, validator=_require_reference)
    secret_key: str | None = attrs.field(default=None, validator=_require_reference)
    api_url: str | None = attrs.field(default=None, validator=_require_url)
    cockpit_url: str | None = attrs.field(default=None, validator=_require_url)
    cockpit_token: str | None = attrs.field(default=None, validator=_require_reference)
    log_selector: str = attrs.field(default=SELECTOR, validator=_require_selector)
    log_overlap_seconds: float = attrs.field(default=30.0, validator=_number(0, 3600, "seconds"))
    log_quiet_seconds: float = attrs.field(default=3.0, validator=_number(0, 600, "seconds"))
    allow_plain_secrets: bool = attrs.field(default=False, validator=_require_flag)
    memory_mib: int = attrs.field(default=2048, validator=_number(128, 1_048_576, "MiB", whole=True))
    cpus: float = attrs.field(default=1.12, validator=_number(0.07, 1024, "vCPU"))
    largest_memory_mib: int = attrs.field(
        default=LARGEST_MEMORY_MIB, validator=_number(128, 1_048_576, "MiB", whole=True)
    )
    largest_cpus: float = attrs.field(default=LARGEST_CPUS, validator=_number(0.07, 1024, "vCPU"))
    longest_seconds: int = attrs.field(
        default=LONGEST_SECONDS, validator=_number(1, 366 * 86400, "seconds", whole=True)
    )
    local_storage_mib: int = attrs.field(default=1000, validator=_number(1, 1_048_576, "MiB", whole=True))
    prices: str | None = attrs.field(default=None, validator=_require_path)
    timeout: float = attrs.field(default=30.0, validator=_number(0.1, 600, "seconds"))
    calls_per_second: float = attrs.field(default=10.0, validator=_number(0.1, 10_000, "calls a second"))
    burst: int = attrs.field(default=20, validator=_number(1, 10_000, "calls", whole=True))
    max_tries: int = attrs.field(default=4, validator=_number(1, 20, "tries", whole=True))
    visibility_seconds: float = attrs.field(default=10.0, validator=_number(0, 600, "seconds"))
    definition_idle_days: float = attrs.field(default=7.0, validator=_number(1, 3650, "days"))

    def __attrs_post_init__(self) -> None:
        if (self.access_key is None) != (self.secret_key is None):
            raise ConfigurationError(
                "access_key", "an access key and its secret key belong together", "give both or neither"
            )
