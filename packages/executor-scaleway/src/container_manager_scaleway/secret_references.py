"""References to secrets in Scaleway's Secret Manager: ``secret://scaleway-secretmanager/<secret id>[@<revision>]``."""

import re
from collections.abc import Mapping

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.secrets import Secret, SecretForm

RESOLVER = "scaleway-secretmanager"
_PREFIX = f"secret://{RESOLVER}/"
_NAME = re.compile(
    r"(?:(?P<region>[a-z]{2}-[a-z]{3})/)?"
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"(?:@(?P<revision>[1-9][0-9]*|latest|latest_enabled))?"
)


@attrs.frozen
class SecretReference:
    """One version of a secret.

    Attributes:
        secret_id: its UUID.
        revision: a number, ``latest`` or ``latest_enabled``.
        region: where it is; None means the host's own.
    """

    secret_id: str
    revision: str = "latest"
    region: str | None = None

    @classmethod
    def parse(cls, name: str) -> "SecretReference":
        """The reference in ``[<region>/]<secret id>[@<revision>]``.

        Raises:
            InvalidInput: it is none.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidInput(
                f"{_PREFIX}{name}",
                f"{name!r} names no secret of Scaleway's Secret Manager",
                "write [region/]secret id[@revision], the id being the secret's UUID",
            )
        return cls(match["id"], match["revision"] or "latest", match["region"])


def native_secrets(secrets: Mapping[str, Secret]) -> dict[str, SecretReference]:
    """Those secrets of a spec that Secret Manager holds, by variable; Scaleway itself puts them into the run.

    Raises:
        InvalidInput: a reference of another form.
    """
    return {
        name: SecretReference.parse(secret.text.removeprefix(_PREFIX))
        for name, secret in secrets.items()
        if secret.form is SecretForm.REFERENCE and secret.text.startswith(_PREFIX)
    }
