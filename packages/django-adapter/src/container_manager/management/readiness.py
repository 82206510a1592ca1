"""Waiting until the database can be worked on."""

import threading
from collections.abc import Callable

from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

APP = "container_manager"
PAUSE_SECONDS = 1.0


def wait_until_ready(alias: str, say: Callable[[str], None]) -> None:
    """Return once the database answers and every migration of the app is applied.

    Args:
        alias: the database.
        say: told what is waited for, once for each reason.
    """
    told = None
    while (obstacle := _obstacle(alias)) is not None:
        if obstacle != told:
            told = obstacle
            say(obstacle)
        threading.Event().wait(PAUSE_SECONDS)


def _obstacle(alias: str) -> str | None:
    connection = connections[alias]
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes(APP))
    except DatabaseError as error:
        connection.close()
        return f"Waiting for the database {alias!r}: {' '.join(str(error).split())}"
    if not plan:
        return None
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
    more = f" and {len(plan) - 3} more" if len(plan) > 3 else ""
    return f"Waiting for unapplied migrations ({names}{more}): run 'manage.py migrate'"
