"""Secrets of Scaleway's Secret Manager, for jobs that run anywhere and for masking what they print."""

import base64

from container_manager_core.errors import ExecutorError, InvalidInput
from container_manager_scaleway.client import Account, Scaleway
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.secret_references import RESOLVER, SecretReference


def access_secret(name: str) -> str:
    """The secret of ``[<region>/]<secret id>[@<revision>]``, asked for with the credentials of the SDK's own chain.

    Raises:
        InvalidInput: there is no such secret, or we may not see it.
    """
    reference = SecretReference.parse(name)
    options = ScalewayOptions()
    scaleway = Scaleway(Account.open(options, RESOLVER), options)
    try:
        version = scaleway.secrets(f"give the secret {reference.secret_id}").access_secret_version(
            secret_id=reference.secret_id, revision=reference.revision, region=reference.region
        )
        return base64.b64decode(version.data).decode()
    except ExecutorError as error:
        raise InvalidInput(f"secret://{RESOLVER}/{name}", error.message, error.hint) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"secret://{RESOLVER}/{name}", "the secret is no text", "no variable can hold it") from error
    finally:
        scaleway.close()
