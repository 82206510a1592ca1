"""Times: aware UTC in the core, as the project has them in the database."""

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone


def aware(moment: datetime) -> datetime:
    """A time of a model as aware UTC; a naive one is in the project's time zone."""
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    return moment.astimezone(UTC)


def as_stored(moment: datetime | None) -> datetime | None:
    """An aware time as the project's fields hold it: naive in its time zone without USE_TZ."""
    if moment is None or settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())
