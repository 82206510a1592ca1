"""The connection to one account and region: the SDK's calls with limits of time and rate, their errors translated."""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import requests
from requests.adapters import HTTPAdapter
from scaleway import Client
from scaleway.cockpit.v1 import CockpitV1RegionalAPI
from scaleway.jobs.v1alpha2 import JobsV1Alpha2API
from scaleway.secret.v1beta1 import SecretV1Beta1API
from scaleway_core.api import API

from container_manager_core.errors import ConfigurationError, TransientError
from container_manager_core.secrets import CORE_RESOLVERS, Secret, SecretSource, Vault
from container_manager_core.throttling import TokenBucket
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.translation.refusals import THROTTLED, is_object, refused, unreachable, words_of

_POOL_SIZE = 25
_CONNECT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.2


@attrs.frozen(kw_only=True)
class Account:
    """Who we are, and where.

    Attributes:
        client: the SDK's settings.
        project_id, region: of everything that is started.
        cockpit_token: what the log store is asked with.
    """

    client: Client = attrs.field(repr=False)
    project_id: str
    region: str
    cockpit_token: str = attrs.field(repr=False)

    @classmethod
    def open(cls, options: ScalewayOptions, host: str) -> "Account":
        """The account that a host's options and the SDK's own chain give. Asks nobody.

        Raises:
            ConfigurationError: something is missing or has the wrong form.
        """
        client = _from_environment()
        client.api_url = options.api_url or client.api_url
        if options.access_key is not None and options.secret_key is not None:
            client.access_key = _resolved("access_key", options.access_key)
            client.secret_key = _resolved("secret_key", options.secret_key)
        client.default_project_id = _required(
            host, "project_id", options.project_id or client.default_project_id, "SCW_DEFAULT_PROJECT_ID"
        )
        client.default_region = _required(host, "region", options.region or client.default_region, "SCW_DEFAULT_REGION")
        client.default_organization_id = None  # a filter by project says it all
        _required(host, "access_key", client.access_key, "SCW_ACCESS_KEY")
        secret_key = _required(host, "secret_key", client.secret_key, "SCW_SECRET_KEY")
        try:
            client.validate()
        except ValueError as error:
            # The SDK's sentence on a secret key that is none quotes it.
            problem = str(error).replace(secret_key, "***")
            raise ConfigurationError(f"hosts.{host}.config", problem, "correct the host's options or SCW_*") from None
        return cls(
            client=client,
            project_id=client.default_project_id,
            region=client.default_region,
            cockpit_token=_resolved("cockpit_token", options.cockpit_token) if options.cockpit_token else secret_key,
        )


class Caller:
    """Makes calls, at most so many a second, again where there were too many, and none longer than it may.

    Args:
        options: the limits.
        address: where the calls go, for messages and the shared limit.
        account: whose limit it is.
    """

    def __init__(self, options: ScalewayOptions, address: str, account: str) -> None:
        self._options = options
        self._address = address
        host = urlsplit(address).netloc
        self._bucket = TokenBucket.shared((host, account), options.calls_per_second, options.burst)
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(pool_maxsize=_POOL_SIZE))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=_POOL_SIZE))

    def call(
        self,
        method: str,
        url: str,
        *,
        action: str,
        starts_something: bool = False,
        confirm: Callable[[], float] | None = None,
        **request: Any,
    ) -> requests.Response:
        """One call.

        Args:
            method, url: the request; ``request`` goes to requests.
            action: what is asked for, for the error's message.
            starts_something: whether a lost answer may hide that something was started.
            confirm: called right before each try, when the waiting for it is over; gives the seconds it may take.

        Raises:
            ExecutorError: no answer, or one of 400 or more.
        """
        for number in range(1, self._options.max_tries + 1):
            self._bucket.take()
            seconds = self._options.timeout if confirm is None else min(self._options.timeout, confirm())
            answer = self._send(method, url, seconds, starts_something, request)
            if answer.status_code < 400:
                return answer
            if answer.status_code != THROTTLED or number == self._options.max_tries:
                break
            self._bucket.drain()
            time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (number - 1) * random.uniform(0.5, 1.0))
        message, facts = words_of(answer)
        raise refused(answer.status_code, message, facts, action, starts_something=starts_something)

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _send(
        self, method: str, url: str, seconds: float, starts_something: bool, request: Mapping[str, Any]
    ) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=(min(seconds, _CONNECT_SECONDS), seconds), **request)
        except requests.RequestException as error:
            raise unreachable(error, self._address, starts_something=starts_something) from error


class _Calls(API):
    """Lets an API of the SDK go through a `Caller`: the SDK's own way has neither timeouts nor retries."""

    def __init__(self, client: Client, caller: Caller, how: Mapping[str, Any]) -> None:
        super().__init__(client, bypass_validation=True)
        self._caller = caller
        self._how = how

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] = {},
        headers: dict[str, str] = {},  # noqa: B006
        body: Any = None,
    ) -> requests.Response:
        pairs = [
            (name, str(item))
            for name, value in params.items()
            if value is not None
            for item in (value if isinstance(value, list) else [value])
        ]
        answer = self._caller.call(
            method,
            f"{self.client.api_url}{path}",
            params=pairs,
            headers={"X-Auth-Token": self.client.secret_key, "User-Agent": self.client.user_agent, **headers},
            json=body,
            verify=not self.client.api_allow_insecure,
            **self._how,
        )
        if method != "DELETE" and not is_object(answer):
            raise TransientError(
                f"{self.client.api_url} gave an answer that is not the API's, when asked to {self._how['action']}",
                hint="check the host's api_url, and what stands between here and there",
                may_have_started=bool(self._how.get("starts_something")),
            )
        return answer


class _Jobs(_Calls, JobsV1Alpha2API):
    """Serverless Jobs."""


class _Cockpit(_Calls, CockpitV1RegionalAPI):
    """The log stores."""


class _Secrets(_Calls, SecretV1Beta1API):
    """Secret Manager."""


class Scaleway:
    """One account in one region.

    Args:
        account: who we are.
        options: the limits.
    """

    def __init__(self, account: Account, options: ScalewayOptions) -> None:
        self.account = account
        self._caller = Caller(options, account.client.api_url, account.client.access_key or "")

    def jobs(self, action: str, **how: Any) -> JobsV1Alpha2API:
        """The API of Serverless Jobs for one call; ``how`` as for `Caller.call`."""
        return _Jobs(self.account.client, self._caller, {"action": action, **how})

    def cockpit(self, action: str) -> CockpitV1RegionalAPI:
        """The API of the log stores for one call."""
        return _Cockpit(self.account.client, self._caller, {"action": action})

    def secrets(self, action: str) -> SecretV1Beta1API:
        """The API of Secret Manager for one call."""
        return _Secrets(self.account.client, self._caller, {"action": action})

    def close(self) -> None:
        """Give back the connections."""
        self._caller.close()


def _from_environment() -> Client:
    # The SDK warns of a configuration file that is not there.
    if Path(Client.get_default_config_file_path()).is_file():
        return Client.from_config_file_and_env()
    return Client.from_env()


def _no_vault() -> Vault:
    raise ConfigurationError("access_key", "it is not given by reference", "write secret://env/NAME")


def _resolved(place: str, reference: str) -> str:
    return SecretSource(_no_vault, CORE_RESOLVERS).resolve({place: Secret.parse(reference)})[place]


def _required(host: str, option: str, value: str | None, variable: str) -> str:
    if value:
        return value
    raise ConfigurationError(
        f"hosts.{host}.config.{option}", "neither the host nor the environment gives it", f"set it, or {variable}"
    )
