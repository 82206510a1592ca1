"""The app."""

from django.apps import AppConfig


class ContainerManagerConfig(AppConfig):
    """Jobs in containers."""

    name = "container_manager"
    verbose_name = "Container manager"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from container_manager import checks  # noqa: F401  it registers itself
        from container_manager.store import postgresql, sqlite

        postgresql.watch_connections()
        sqlite.watch_connections()
