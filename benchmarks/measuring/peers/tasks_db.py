"""django-tasks-db: the database backend of Django's own tasks, which Django before 6 has from django-tasks."""

from importlib import import_module
from importlib.util import find_spec

from django.db import transaction
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

_tasks = import_module("django.tasks" if find_spec("django.tasks") else "django_tasks")


@_tasks.task()
def nothing() -> None:
    """The task."""


class TasksDb:
    """``db_worker --batch``: its worker's own loop, which ends when no task is ready. It has no batches of tasks.

    Stored of a task: times, worker, return value. No lease: a task whose worker dies stays "running".
    """

    name = "django-tasks-db"

    def add(self, number: int) -> None:
        with transaction.atomic():
            for _ in range(number):
                nothing.enqueue()

    def work_off(self) -> None:
        Worker(
            queue_names=["default"],
            interval=0.0,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id="benchmark",
            excluded_queue_names=[],
        ).run()

    def finished(self) -> int:
        found: int = DBTaskResult.objects.successful().count()
        return found
