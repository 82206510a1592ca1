"""The connection to one engine: single requests, their errors translated."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import attrs
import docker
import requests
from docker import auth
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.errors import DockerException, TLSParameterError
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env
from docker.utils.config import load_general_config
from requests.adapters import HTTPAdapter

from container_manager_core.errors import InvalidInput, PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_core.secrets import CORE_RESOLVERS, Secret, SecretSource, Vault
from container_manager_docker.options import DockerOptions, RegistryCredentials
from container_manager_docker.translation.answers import understood
from container_manager_docker.translation.connections import (
    CONNECTION_ERRORS,
    STREAM_ERRORS,
    unreachable,
    untrusted,
)
from container_manager_docker.translation.refusals import is_version_mismatch, refused

_POOL_SIZE = 25
_LOCAL_SOCKET = "unix:///var/run/docker.sock"
_CONNECT_SECONDS = 10.0


@attrs.frozen
class _Connection:
    """The SDK's session, and the address of the API in the version that the engine speaks."""

    client: docker.APIClient
    url: str


class Engine:
    """One engine. Connects at the first request, and settles the API's version once.

    Args:
        options: how it is reached.

    Attributes:
        address: for messages.
    """

    def __init__(self, options: DockerOptions) -> None:
        self._options = options
        self._settings: dict[str, Any] = {"base_url": options.base_url} if options.base_url else _from_environment()
        self.address: str = self._settings.get("base_url") or _LOCAL_SOCKET
        self._connection: _Connection | None = None
        self._connecting = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        *,
        action: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
        timeout: float | None = None,
        stream: bool = False,
        starts_something: bool = False,
    ) -> requests.Response:
        """One request.

        Args:
            method, path, params, body, headers: the request; the path without the version.
            action: what the engine is asked to do, for the error's message.
            accept: statuses of 400 or more that the caller deals with.
            timeout: longest silence in seconds; the host's ``timeout`` when left out, 0 means none.
            stream: whether the answer's body is left to be read in pieces, and to be closed.
            starts_something: whether a lost answer may hide that something was started.

        Raises:
            ExecutorError: no answer, or another one of 400 or more.
        """
        silence = self._options.timeout if timeout is None else timeout
        try:
            connection = self._connect()
            answer = connection.client.request(
                method,
                connection.url + path,
                params=params,
                json=body,
                headers=headers,
                timeout=(min(self._options.timeout, _CONNECT_SECONDS), silence or None),
                stream=stream,
            )
        except TLSParameterError as error:
            raise untrusted(error, self.address) from error
        except CONNECTION_ERRORS as error:
            raise unreachable(error, self.address, starts_something=starts_something) from error
        if answer.status_code < 400 or answer.status_code in accept:
            return answer
        message = message_of(answer)
        answer.close()
        if is_version_mismatch(answer.status_code, message):
            self._connection = None
            raise TransientError(f"the engine at {self.address} speaks another version of its API now: {message}")
        raise refused(answer.status_code, message, action, may_have_started=starts_something)

    @contextmanager
    def stream(self, method: str, path: str, *, action: str, **request: Any) -> Iterator[requests.Response]:
        """The same with a body that is read in pieces; it is closed, and a broken one is translated too."""
        answer = self.call(method, path, action=action, stream=True, **request)
        try:
            yield answer
        except STREAM_ERRORS as error:
            raise unreachable(error, self.address) from error
        finally:
            answer.close()

    def registry_header(self, image: str) -> Mapping[str, str]:
        """The header with our credentials for an image's registry; empty where there are none.

        Raises:
            PermanentError: the credentials cannot be had.
        """
        try:
            registry, _ = auth.resolve_repository_name(image)
            given = self._options.registry_auth.get(registry)
            if given is not None:
                return {"X-Registry-Auth": auth.encode_header(_resolved(registry, given)).decode()}
            header = auth.get_config_header(self._connect().client, registry)
        except (DockerException, InvalidInput) as error:
            raise PermanentError(
                f"the credentials for the registry of {image!r} cannot be had: {error}",
                FailureKind.CREDENTIALS,
                "log in again with docker login, or set the host's registry_auth",
            ) from error
        return {"X-Registry-Auth": header.decode()} if header else {}

    def close(self) -> None:
        """Give back the connections."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.client.close()

    def _connect(self) -> _Connection:
        if self._connection is not None:
            return self._connection
        # A dead engine is asked by one thread at a time, and the others wait no longer than for a call.
        if not self._connecting.acquire(timeout=self._options.timeout):
            raise requests.ConnectTimeout(f"no connection within {self._options.timeout:g} seconds")
        try:
            if self._connection is None:
                self._connection = self._new_connection()
            return self._connection
        finally:
            self._connecting.release()

    def _new_connection(self) -> _Connection:
        options = self._options
        settings = self._settings | ({"tls": _tls(options)} if options.uses_tls else {})
        client = docker.APIClient(
            version=MINIMUM_DOCKER_API_VERSION,  # given, so that it does not ask before the session is set up
            timeout=cast(int, options.timeout),
            use_ssh_client=options.use_ssh_client,
            max_pool_size=_POOL_SIZE,
            **settings,
        )
        # The environment's REQUESTS_CA_BUNDLE would replace the host's own authority.
        client.trust_env = False
        client.headers.update(load_general_config().get("HttpHeaders") or {})
        if client.base_url.startswith(("http://", "https://")):
            client.mount(client.base_url, HTTPAdapter(pool_maxsize=_POOL_SIZE))
        answer = client.get(f"{client.base_url}/version", timeout=min(options.timeout, _CONNECT_SECONDS))
        answer.raise_for_status()
        with understood(self.address):
            return _Connection(client, f"{client.base_url}/v{answer.json()['ApiVersion']}")


def message_of(answer: requests.Response) -> str:
    """The engine's words in an answer of 400 or more."""
    try:
        return str(answer.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return answer.text.strip() or f"status {answer.status_code} {answer.reason}"


def lines(answer: requests.Response) -> Iterator[Mapping[str, Any]]:
    """The values in a body of one JSON value a line, as they come."""
    for line in answer.iter_lines(chunk_size=4096):
        if line.strip():
            yield json.loads(line)


def _from_environment() -> dict[str, Any]:
    try:
        return dict(kwargs_from_env())
    except TLSParameterError as error:
        raise untrusted(error, "DOCKER_HOST") from error


def _tls(options: DockerOptions) -> TLSConfig:
    certificate, key = options.tls_client_cert, options.tls_client_key
    pair = (certificate, key) if certificate and key else None
    return TLSConfig(client_cert=pair, ca_cert=options.tls_ca_cert, verify=options.tls_verify)


def _no_vault() -> Vault:
    raise PermanentError("a registry's password can be given by reference only", FailureKind.CREDENTIALS)


def _resolved(registry: str, credentials: RegistryCredentials) -> dict[str, str]:
    source = SecretSource(_no_vault, CORE_RESOLVERS)
    password = source.resolve({registry: Secret.parse(credentials.password)})[registry]
    return {"username": credentials.username, "password": password, "serveraddress": registry}
