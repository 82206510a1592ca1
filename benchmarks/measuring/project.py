"""A Django project on a durable database of its own, for the time of a block."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.postgres import open_postgres

_PROJECT = Path(__file__).parents[2] / "tests" / "django"


@contextmanager
def project(database: str) -> Iterator[str]:
    """The tests' project with empty tables, its worker's connections kept open; the database's URL.

    Args:
        database: ``postgresql`` (a server of our own, its defaults, with fsync) or ``sqlite``.
    """
    if database == "postgresql":
        with open_postgres(durable=True) as server:
            yield from _set_up(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield from _set_up(f"sqlite:///{folder}/db.sqlite3")


def _set_up(url: str) -> Iterator[str]:
    sys.path.insert(0, str(_PROJECT))
    os.environ["CONTAINER_MANAGER_TEST_DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections
    from project.settings import database

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
