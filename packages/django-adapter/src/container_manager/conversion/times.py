"""Times: aware UTC in the core, as the project has them in the database."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField
from django.utils import timezone


def aware(moment: datetime) -> datetime:
    """A time of a model as aware UTC; a naive one is in the project's time zone."""
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment, timezone.get_default_timezone())
    return moment.astimezone(UTC)


def as_stored(moment: datetime | None) -> datetime | None:
    """An aware time as the project's fields hold it: naive in its time zone without USE_TZ."""
    return None if moment is None else storing()(moment)


def storing() -> Callable[[datetime], datetime]:
    """The same for many times, as long as the settings stay."""
    if settings.USE_TZ:
        return lambda moment: moment
    zone = timezone.get_default_timezone()
    return lambda moment: timezone.make_naive(moment, zone)


def given_moment(field: "DateTimeField[Any, Any]", value: Any) -> datetime | None:
    """What somebody gave for a field, a string among others, as its type; a naive one of these is the project's time.

    Raises:
        ValidationError: the field's own, for what is no time.
    """
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment: datetime = field.to_python(value)
    except ValidationError as error:
        raise ValidationError({field.name: error.messages}) from error
    if settings.USE_TZ and timezone.is_naive(moment):
        return timezone.make_aware(moment, timezone.get_default_timezone())
    return moment
