"""Who may do what in the local cloud."""

import attrs

PERMISSIONS = frozenset({"jobs:read", "jobs:write", "logs:read", "cockpit:read", "secrets:read"})


@attrs.define(kw_only=True)
class Credentials:
    """The one API key that the local cloud knows. Fields may be changed while it runs.

    Attributes:
        access_key, secret_key: the key.
        project_id, region: where the key's application may do anything.
        permissions: what it may do.
        expired: whether the key has expired.
    """

    access_key: str = "SCWLOCALLOCALLOCALLO"
    secret_key: str = "10ca1000-0000-4000-8000-000000000001"
    project_id: str = "10ca1000-0000-4000-8000-000000000002"
    region: str = "fr-par"
    permissions: frozenset[str] = PERMISSIONS
    expired: bool = False
