"""How an engine is reached, and how it gets its images."""

import re
from collections.abc import Mapping
from typing import Any

import attrs

from container_manager_core.errors import ConfigurationError
from container_manager_core.pulling import PullPolicy
from container_manager_core.secrets import CORE_RESOLVERS

_ADDRESS = re.compile(r"(unix:///?|(tcp|ssh|http|https)://)[^\s/].*")
_REFERENCE = re.compile(r"secret://(?P<resolver>[a-z][a-z0-9-]*)/.+")


def _require_reference(instance: Any, attribute: "attrs.Attribute[str]", value: Any) -> None:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["resolver"] not in CORE_RESOLVERS:
        raise ConfigurationError(
            "registry_auth.password",
            "the password is not given by reference",
            "write secret://env/NAME or secret://file/absolute/path",
        )


@attrs.frozen(kw_only=True)
class RegistryCredentials:
    """Who we are to an image registry.

    Attributes:
        username: the account's name.
        password: a ``secret://env/...`` or ``secret://file/...`` reference to its password or token.
    """

    username: str
    password: str = attrs.field(validator=_require_reference)


def _pull_policy(value: Any) -> PullPolicy:
    try:
        return PullPolicy(value)
    except ValueError as error:
        raise ConfigurationError("pull", f"{value!r} is no pull policy", "write missing, always or never") from error


def _registry_auth(value: Any) -> Mapping[str, RegistryCredentials]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("registry_auth", f"{value!r} is no table", "write one entry a registry")
    return {registry: _credentials(registry, entry) for registry, entry in value.items()}


def _credentials(registry: str, entry: Any) -> RegistryCredentials:
    if isinstance(entry, RegistryCredentials):
        return entry
    if not isinstance(entry, Mapping) or set(entry) != {"username", "password"}:
        raise ConfigurationError(
            f"registry_auth[{registry!r}]", "it does not hold a username and a password", "give these two"
        )
    return RegistryCredentials(username=entry["username"], password=entry["password"])


def _require_address(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    if value is not None and not (isinstance(value, str) and _ADDRESS.fullmatch(value)):
        raise ConfigurationError(
            "base_url",
            f"{value!r} is no address of an engine",
            "write unix:///path/to/docker.sock, tcp://host:2376 or ssh://user@host",
        )


def _require_seconds(instance: Any, attribute: "attrs.Attribute[float]", value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 86400:
        raise ConfigurationError(attribute.name, f"{value!r} is out of range", "use 0.1 to 86400 seconds")


def _require_flag(instance: Any, attribute: "attrs.Attribute[bool]", value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(attribute.name, f"{value!r} is neither true nor false", "write true or false")


def _require_path(instance: Any, attribute: "attrs.Attribute[str | None]", value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value or "\0" in value):
        raise ConfigurationError(attribute.name, f"{value!r} is no path", "name a PEM file")


@attrs.frozen(kw_only=True)
class DockerOptions:
    """A Docker host's own options; checked where they are made.

    Attributes:
        base_url: ``unix://``, ``tcp://`` or ``ssh://`` address; None follows DOCKER_HOST (with
            DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else takes the local socket.
        tls_verify: whether the engine's certificate is checked, where TLS is used.
        tls_ca_cert: PEM file with the authority that signed the engine's certificate.
        tls_client_cert, tls_client_key: PEM files that show the engine who we are.
        use_ssh_client: whether ``ssh://`` goes through the system's ``ssh`` program, which follows
            the user's ssh configuration, or through paramiko, which also keeps to the timeouts.
        timeout: longest time one call may take, in seconds.
        pull: when an image is pulled, where the job's spec does not say.
        pull_timeout_seconds: longest time of an image pull.
        registry_auth: credentials by registry, for example ``registry.example:5000`` or
            ``docker.io``; where one is missing, the user's docker configuration is asked.
    """

    base_url: str | None = attrs.field(default=None, validator=_require_address)
    tls_verify: bool = attrs.field(default=True, validator=_require_flag)
    tls_ca_cert: str | None = attrs.field(default=None, validator=_require_path)
    tls_client_cert: str | None = attrs.field(default=None, validator=_require_path)
    tls_client_key: str | None = attrs.field(default=None, validator=_require_path)
    use_ssh_client: bool = attrs.field(default=True, validator=_require_flag)
    timeout: float = attrs.field(default=30.0, validator=_require_seconds)
    pull: PullPolicy = attrs.field(default=PullPolicy.MISSING, converter=_pull_policy)
    pull_timeout_seconds: float = attrs.field(default=300.0, validator=_require_seconds)
    registry_auth: Mapping[str, RegistryCredentials] = attrs.field(factory=dict, converter=_registry_auth)

    def __attrs_post_init__(self) -> None:
        if (self.tls_client_cert is None) != (self.tls_client_key is None):
            raise ConfigurationError(
                "tls_client_cert", "a client certificate and its key belong together", "give both or neither"
            )
        if self.uses_tls and (self.base_url is None or not self.base_url.startswith(("tcp://", "https://"))):
            raise ConfigurationError(
                "tls_ca_cert", f"TLS cannot be used with base_url {self.base_url!r}", "give a tcp:// address with it"
            )

    @property
    def uses_tls(self) -> bool:
        """Whether the engine is spoken to over TLS."""
        address = self.base_url or ""
        return bool(self.tls_ca_cert or self.tls_client_cert or address.startswith("https://"))
