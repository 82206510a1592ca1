"""django-q2 with its ORM broker."""

from multiprocessing import Event, Value
from queue import SimpleQueue
from typing import Any

from django.db import transaction
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Success
from django_q.monitor import monitor
from django_q.pusher import pusher
from django_q.tasks import async_task
from django_q.worker import worker


def nothing() -> None:
    """The task."""


class Q2:
    """Its cluster's three parts, one after the other: pusher (fetches), worker (runs), monitor (stores, acknowledges).

    In a cluster they are processes of their own, which overlap. Stored of a task: arguments,
    times, result. A task whose worker dies is fetched again after ``retry`` seconds.

    Args:
        bulk: how many tasks its pusher fetches at once; each is then locked, stored and acknowledged by itself.
    """

    def __init__(self, bulk: int = 1) -> None:
        self.name = "django-q2" if bulk == 1 else f"django-q2 with bulk {bulk}"
        self._bulk = bulk
        self._broker = get_broker()
        self._one_look = Event()
        self._one_look.set()

    def add(self, number: int) -> None:
        with transaction.atomic():
            for _ in range(number):
                async_task(nothing, broker=self._broker)

    def work_off(self) -> None:
        Conf.BULK = self._bulk
        number = OrmQ.objects.count()
        fetched: SimpleQueue[Any] = SimpleQueue()
        results: SimpleQueue[Any] = SimpleQueue()
        while fetched.qsize() < number:
            pusher(fetched, self._one_look, self._broker)
        fetched.put("STOP")
        worker(fetched, results, Value("f", -1))
        results.put("STOP")
        monitor(results, self._broker)

    def finished(self) -> int:
        found: int = Success.objects.count()
        return found
