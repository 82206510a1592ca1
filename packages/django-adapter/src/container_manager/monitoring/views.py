"""The two pages for monitoring."""

from importlib.util import find_spec

from django.db import DatabaseError
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from container_manager.monitoring.access import PERMISSION, may_see
from container_manager.monitoring.health import read_health
from container_manager_core.errors import ContainerManagerError

_TEXT = "text/plain; charset=utf-8"
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_REFUSAL = (
    f"Metrics are for users with the permission {PERMISSION}, and for requests with 'Authorization: Bearer TOKEN', "
    "where the token is that of CONTAINER_MANAGER['MONITORING_TOKEN'].\n"
)
_MISSING = "Metrics need prometheus-client: pip install 'django-container-manager[metrics]'.\n"


@never_cache
@require_safe
@non_atomic_requests
def health(request: HttpRequest) -> HttpResponse:
    """200 while jobs can run, else 503: as JSON to everybody in one word, and with the facts to those who may see."""
    found = read_health()
    said = {"status": "failing" if found.problems else "ok"}
    if may_see(request):
        said |= found.as_plain()
    return JsonResponse(said, status=503 if found.problems else 200)


@never_cache
@require_safe
@non_atomic_requests
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus scrapes."""
    if not may_see(request):
        refusal = HttpResponse(_REFUSAL, status=401, content_type=_TEXT)
        refusal["WWW-Authenticate"] = 'Bearer realm="container-manager metrics"'
        return refusal
    if find_spec("prometheus_client") is None:
        return HttpResponse(_MISSING, status=501, content_type=_TEXT)
    from container_manager.monitoring.metrics import exposition

    try:
        return HttpResponse(exposition(), content_type=_EXPOSITION)
    except (DatabaseError, ContainerManagerError) as error:
        return HttpResponse(f"Nothing could be read: {error}\n", status=503, content_type=_TEXT)
