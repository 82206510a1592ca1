"""Passes: that a session may see jobs, so that an open list need not have its person looked up with every glance.

A pass is signed, holds for one session and one address, and is renewed by a full look alone: who may no longer see
jobs is shown nothing new after `SECONDS`.
"""

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest

SECONDS = 30
PARAMETER = "pass"
_signer = TimestampSigner(salt="container_manager.admin.passes")


def issue(request: HttpRequest, address: str) -> str:
    """A pass from now on, for who was just found to be allowed; empty without a session's cookie."""
    holder = _holder(request, address)
    return _signer.sign(holder).removeprefix(f"{holder}:") if holder else ""


def holds(request: HttpRequest) -> bool:
    """Whether the request's own pass is for its session and its address, and not yet over."""
    holder, given = _holder(request, request.path), request.GET.get(PARAMETER, "")
    try:
        return bool(holder and given and _signer.unsign(f"{holder}:{given}", max_age=SECONDS))
    except BadSignature:
        return False


def _holder(request: HttpRequest, address: str) -> str:
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return f"{address} {session}" if session else ""
