"""A Django project on a durable database of its own, for the time of a block."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.postgres import open_postgres

_PROJECT = Path(__file__).parents[2] / "tests" / "django"


@contextmanager
def project(database: str, apps: Sequence[str] = (), **more: Any) -> Iterator[str]:
    """The tests' project with empty tables, its worker's connections kept open; the database's URL.

    Args:
        database: ``postgresql`` (a server of our own, its defaults, with fsync) or ``sqlite``.
        apps: installed beside its own.
        more: settings.
    """
    if database == "postgresql":
        with open_postgres(durable=True) as server:
            yield from _set_up(f"postgresql://postgres@127.0.0.1:{server.port}/postgres", apps, more)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield from _set_up(f"sqlite:///{folder}/db.sqlite3", apps, more)


def _set_up(url: str, apps: Sequence[str], more: Mapping[str, Any]) -> Iterator[str]:
    sys.path.insert(0, str(_PROJECT))
    os.environ["CONTAINER_MANAGER_TEST_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections
    from project.settings import database

    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *apps]
    for name, value in more.items():
        setattr(settings, name, value)
    django.setup()
    settings.DATABASES["default"].update(database(url))
    del connections["default"]
    call_command("migrate", verbosity=0)
    connections.close_all()
    from container_manager.manager import become_worker, reset

    become_worker()
    try:
        yield url
    finally:
        reset()
        connections.close_all()
