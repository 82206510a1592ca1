"""Sends the models to the database that holds the jobs, where that is not the default one."""

from typing import Any

from container_manager.conf import manager_settings

APP = "container_manager"


class JobsRouter:
    """For ``DATABASE_ROUTERS``: this app's tables are in ``CONTAINER_MANAGER["DATABASE"]`` and nowhere else.

    Other apps are left to other routers. Jobs and templates refer to the users who made them, so the users' table
    has to be in that database too where it enforces foreign keys.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return manager_settings().database if model._meta.app_label == APP else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self.db_for_read(model, **hints)

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool | None:
        return True if APP in (first._meta.app_label, second._meta.app_label) else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db == manager_settings().database if app_label == APP else None
