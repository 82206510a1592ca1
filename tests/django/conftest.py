"""A Django project on a real database: SQLite in a file, or what ``--database`` says."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import django
import pytest

from support.mariadb import open_mariadb
from support.postgres import open_postgres
from support.unavailable import ServiceUnavailable

VARIABLE = "CONTAINER_MANAGER_TEST_DATABASE_URL"

# Test modules import models, so the project is there before they are read; its database comes with the session.
sys.path.insert(0, str(Path(__file__).parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql", "postgresql-bound", "mariadb"),
        default="sqlite",
        help="the database of the Django tests; bound: with Django's option server_side_binding",
    )


@pytest.fixture(scope="session", autouse=True)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The project's tables made in its database; its URL."""
    with ExitStack() as stack:
        try:
            url = _database_url(request.config.getoption("--database", "sqlite"), stack, tmp_path_factory)
        except ServiceUnavailable as error:
            pytest.fail(str(error), pytrace=False)
        os.environ[VARIABLE] = url
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections
        from project.settings import database

        settings.DATABASES["default"].update(database(url))
        del connections["default"]  # made while there was no database yet
        call_command("migrate", verbosity=0)
        yield url
        from container_manager.manager import reset

        reset()
        connections.close_all()


def _database_url(kind: str, stack: ExitStack, folders: pytest.TempPathFactory) -> str:
    """A new database of a kind, there until the stack is left."""
    if kind.startswith("postgresql"):
        url = f"postgresql://postgres@127.0.0.1:{stack.enter_context(open_postgres()).port}/postgres"
        return f"{url}?server_side_binding" if kind == "postgresql-bound" else url
    if kind == "mariadb":
        return stack.enter_context(open_mariadb()).create_database("jobs")
    return f"sqlite:///{folders.mktemp('database') / 'db.sqlite3'}"


@pytest.fixture(autouse=True)
def _clean_tables(project: str) -> Iterator[None]:
    """Every test begins with empty tables and leaves no connection open."""
    from django.apps import apps
    from django.db import connection

    yield
    from container_manager.manager import reset

    reset()
    tables = [
        model._meta.db_table
        for name in ("container_manager", "auth", "sessions")
        for model in apps.get_app_config(name).get_models()
    ]
    kept = {"auth_permission"}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(table for table in tables if table not in kept)} CASCADE")
        else:
            with connection.constraint_checks_disabled():
                for table in tables:
                    if table not in kept:
                        cursor.execute(f"DELETE FROM {table}")
    connection.close()


@pytest.fixture
def django_assert() -> Callable[..., AbstractContextManager[None]]:
    """Fails where a block sends more statements to the database than it may."""
    return _at_most


@contextmanager
def _at_most(at_most: int) -> Iterator[None]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as sent:
        yield
    assert len(sent) <= at_most, "\n".join(query["sql"] for query in sent)
