"""Ids of jobs, whose order is that of their digits on every database."""

from typing import Any
from uuid import UUID

from django.db import models


class JobIdField(models.UUIDField):  # type: ignore[type-arg]  # it takes none when it runs
    """A UUID; on MariaDB as text, as on MySQL: its own type sorts by the last digits first."""

    def db_type(self, connection: Any) -> str | None:
        return "char(32)" if connection.vendor == "mysql" else super().db_type(connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        given = super().get_db_prep_value(value, connection, prepared)
        return given.hex if isinstance(given, UUID) and connection.vendor == "mysql" else given
