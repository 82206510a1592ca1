"""References to Secret Manager: ``secret://gcp-secretmanager/projects/<project>/secrets/<name>[/versions/<version>]``."""

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import Secret, SecretForm

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

RESOLVER = "gcp-secretmanager"
ENDPOINT_VARIABLE = "CONTAINER_MANAGER_GCP_SECRETMANAGER_ENDPOINT"
"""``host:port`` of a test server, which is called without credentials."""
AUTHORITY_VARIABLE = "CONTAINER_MANAGER_GCP_SECRETMANAGER_CA_FILE"
"""PEM file of the authority that the test server's certificate comes from."""

_SECONDS = 30.0
_NAME = re.compile(r"(?P<secret>projects/[^/]+/secrets/[^/]+)(?:/versions/(?P<version>[^/]+))?")


@attrs.frozen(kw_only=True)
class SecretReference:
    """A version of a secret.

    Attributes:
        secret: ``projects/<project>/secrets/<name>``.
        version: a number, an alias or ``latest``.
    """

    secret: str
    version: str

    @classmethod
    def parse(cls, name: str) -> "SecretReference":
        """The reference behind ``secret://gcp-secretmanager/``.

        Raises:
            InvalidInput: a name of another form.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidInput(
                f"secret://{RESOLVER}/{name}",
                f"{name!r} is no secret of Secret Manager",
                "write projects/PROJECT/secrets/NAME, and /versions/VERSION for another than the latest",
            )
        return cls(secret=match["secret"], version=match["version"] or "latest")

    @property
    def name(self) -> str:
        """The version's resource name."""
        return f"{self.secret}/versions/{self.version}"


def native(secrets: Mapping[str, Secret]) -> dict[str, SecretReference]:
    """The variables whose secrets the platform itself can fetch."""
    prefix = f"secret://{RESOLVER}/"
    return {
        variable: SecretReference.parse(secret.text.removeprefix(prefix))
        for variable, secret in secrets.items()
        if secret.form is SecretForm.REFERENCE and secret.text.startswith(prefix)
    }


def resolve(name: str) -> str:
    """The value of a secret, with the process's own credentials.

    Raises:
        InvalidInput: there is no such secret, or it cannot be had.
    """
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    reference = SecretReference.parse(name)
    endpoint, authority = os.environ.get(ENDPOINT_VARIABLE), os.environ.get(AUTHORITY_VARIABLE)
    try:
        answer = _client(endpoint, authority).access_secret_version(name=reference.name, timeout=_SECONDS)
        return answer.payload.data.decode()
    except GoogleAPICallError as error:
        problem = f"Secret Manager does not give it: {error.message}"
    except GoogleAuthError as error:
        problem = f"Secret Manager was not asked: {error}"
    except UnicodeDecodeError:
        problem = "its value is no UTF-8 text, which a variable has to be"
    raise InvalidInput(
        f"secret://{RESOLVER}/{name}",
        problem,
        "the worker's account needs the role roles/secretmanager.secretAccessor on it",
    )


@cache
def _client(endpoint: str | None, authority_file: str | None) -> "SecretManagerServiceClient":
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    if endpoint is None:
        return SecretManagerServiceClient()
    from container_manager_cloudrun.connection import anonymous_channel

    transport = SecretManagerServiceClient.get_transport_class("grpc")
    return SecretManagerServiceClient(transport=transport(channel=anonymous_channel(endpoint, authority_file)))
