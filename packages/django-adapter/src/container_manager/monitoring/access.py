"""Who may see what monitoring tells."""

import secrets
from typing import TYPE_CHECKING

from django.db import DatabaseError

from container_manager import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

PERMISSION = "container_manager.view_containerjob"
_SCHEME = "Bearer "


def may_see(request: "HttpRequest") -> bool:
    """Whether a request shows the token of the settings, or comes from a user who may see jobs, or everybody may."""
    given = conf.manager_settings()
    return given.monitoring_public or _shows_token(request, given.monitoring_token) or _has_permission(request)


def _shows_token(request: "HttpRequest", token: str) -> bool:
    said = request.headers.get("Authorization", "")
    shown = said.removeprefix(_SCHEME) if said.startswith(_SCHEME) else ""
    return bool(token) and secrets.compare_digest(shown.encode(), token.encode())


def _has_permission(request: "HttpRequest") -> bool:
    user = getattr(request, "user", None)
    try:
        return user is not None and user.has_perm(PERMISSION)
    except DatabaseError:  # users are in the database, whose trouble may be what is asked for
        return False
