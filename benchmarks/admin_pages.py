"""How long the admin's list of jobs takes with 100,000 and 1,000,000 jobs on PostgreSQL, beside an empty admin page.

nox -s bench
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from measuring.figure import Figure, options, show
from measuring.project import project

SIZES, QUICK_SIZES = (100_000, 1_000_000), (12_000, 24_000)
JOBS = "/admin/container_manager/containerjob/"
TABLE = "container_manager_containerjob"
ALLOWED = {"list": (6, 50.0), "fragment, 50 jobs": (6, 5.0)}
"""Queries, and milliseconds of server time with the smaller number of jobs."""

GROWTH = 1.2
"""So many times as long it may take with the larger number."""

_VALUES = {
    "id": "gen_random_uuid()",
    "name": "'job ' || n",
    "status": "CASE WHEN n % 100 = 0 THEN 'running' WHEN n % 50 = 1 THEN 'pending'"
    " WHEN n % 10 = 2 THEN 'failed' ELSE 'completed' END",
    "created_at": "now() - n * interval '1 second'",
    "started_at": "now() - n * interval '1 second'",
    "finished_at": "CASE WHEN n % 100 = 0 THEN NULL ELSE now() END",
    "failure_kind": "CASE WHEN n % 10 = 2 THEN 'exit' ELSE '' END",
    "actual_cost": "0.001",
    "attempt": "1",
    "host_name": "'host ' || (n % 5)",
}


def prepare() -> None:
    """A job that the others are copies of, and somebody who may look at jobs and no more."""
    from django.contrib.auth.models import Permission, User
    from django.db import connections

    from container_manager.models import ContainerJob, ContainerTemplate

    # As a server that is worth measuring has it: a connection outlives its request.
    connections["default"].settings_dict["CONN_MAX_AGE"] = None
    template = ContainerTemplate.objects.create(name="template", docker_image="busybox")
    ContainerJob.objects.create(name="seed", template=template)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))


def fill(first: int, last: int) -> None:
    """Add jobs of this range of numbers, made by the server itself."""
    from django.db import connection

    from container_manager.models import ContainerJob

    columns = [str(field.column) for field in ContainerJob._meta.concrete_fields]
    values = [_VALUES.get(column, f"seed.{column}") for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM (SELECT * FROM {TABLE} WHERE name = 'seed') seed, generate_series({first}, {last}) n"
        )
        cursor.execute(f"VACUUM ANALYZE {TABLE}")


class Server:
    """Django's request handler, without a web server or a test client around it."""

    def __init__(self) -> None:
        from django.contrib.auth.models import User
        from django.core.handlers.base import BaseHandler
        from django.test import Client

        client = Client()
        client.force_login(User.objects.get(username="viewer"))
        self._session = client.cookies["sessionid"].value
        self._handler = BaseHandler()
        self._handler.load_middleware()

    def answer(self, address: str) -> Any:
        """What is sent for an address."""
        answer = self._handler.get_response(self.request(address))
        answer.close()
        if answer.status_code not in (200, 204):
            raise SystemExit(f"{address}: {answer.status_code}")
        return answer

    def request(self, address: str) -> Any:
        """The viewer's request for an address."""
        from django.test import RequestFactory

        request = RequestFactory().get(address)
        request.COOKIES["sessionid"] = self._session
        return request

    def milliseconds(self, address: str) -> float:
        """How long it works on an answer."""
        began = time.perf_counter()
        self.answer(address)
        return 1000 * (time.perf_counter() - began)

    def queries(self, address: str) -> int:
        """How many statements it sends for it."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as sent:
            self.answer(address)
        return len(sent)


def addresses(server: Server) -> Mapping[str, str]:
    """What is measured. The bare page is one of the admin's own: session, user and permissions, and no more.

    The fragment is what an open list asks for every two seconds, with its pass; its person is looked up every 30.
    """
    from container_manager.admin import passes
    from container_manager.admin.versions import LIVE_FIELDS, version_of, write_versions
    from container_manager.models import ContainerJob

    shown = ContainerJob.objects.filter(status__in=["pending", "running"])[:50]
    versions = write_versions((job.pk, version_of(job, LIVE_FIELDS)) for job in shown)
    newest = ContainerJob.objects.latest().created_at.isoformat().replace("+", "%2B")
    live = f"{JOBS}live/"
    fragment = f"{live}?jobs={versions}&newest={newest}"
    return {
        "bare": f"{live}?jobs=&newest=",
        "list": JOBS,
        "list, failed": f"{JOBS}?status=failed",
        "list, page 200": f"{JOBS}?p=200",
        "fragment, 50 jobs": f"{fragment}&pass={passes.issue(server.request(live), live)}",
        "fragment, 50 jobs, person looked up": fragment,
    }


def measured(server: Server, pages: Mapping[str, str], rounds: int) -> Mapping[str, Sequence[float]]:
    """Milliseconds of each page, in turn, so that a machine that slows down slows all."""
    times: dict[str, list[float]] = {name: [] for name in pages}
    for number in range(rounds + 2):
        for name, address in pages.items():
            took = server.milliseconds(address)
            if number >= 2:
                times[name].append(took)
    return times


def tell(jobs: int, server: Server, rounds: int, before: Mapping[str, float]) -> Mapping[str, float]:
    """Measure, print the rows, and return the medians in milliseconds."""
    pages = addresses(server)
    times = measured(server, pages, rounds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    bare = f"{medians['bare']:.1f} ms for an empty admin page"
    for name, address in pages.items():
        queries, milliseconds = ALLOWED.get(name, (None, None))
        what = f"admin on PostgreSQL, {jobs:,} jobs: {name}"
        show(Figure(what=f"{what}: queries", value=server.queries(address), most=queries))
        show(Figure(what=what, beside=bare, value=medians[name], unit="ms", most=None if before else milliseconds))
        if before:
            grown = medians[name] / before[name]
            show(Figure(what=f"{what}, beside the smaller number", value=grown, most=GROWTH if queries else None))
    return medians


def main() -> None:
    """Measure with the smaller and then with the larger number of jobs."""
    given = options(__doc__).parse_args()
    with project("postgresql"):
        prepare()
        server, there = Server(), 0
        medians: Mapping[str, float] = {}
        for jobs in QUICK_SIZES if given.quick else SIZES:
            fill(there + 1, jobs)
            medians, there = tell(jobs, server, 5 * given.rounds, medians), jobs


if __name__ == "__main__":
    main()
