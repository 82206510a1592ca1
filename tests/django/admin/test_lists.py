"""Lists stay cheap: few queries, and nothing read that is not shown."""

import re
import tracemalloc
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from support.django_jobs import run_to

JOBS = "/admin/container_manager/containerjob/"


def make(count: int, **fields: Any) -> list[Any]:
    from container_manager.models import ContainerJob

    return ContainerJob.objects.bulk_create(
        [ContainerJob(name=f"job {number}", image="busybox", **fields) for number in range(count)]
    )


def queries_of(client: Any, address: str) -> list[str]:
    assert client.get(address).status_code == 200
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
        return [query["sql"] for query in queries]


@pytest.mark.parametrize("who", ["superuser", "viewer"])
def test_a_list_of_jobs_takes_at_most_six_queries_however_long_it_is(who: str, request: Any) -> None:
    client = request.getfixturevalue(who)
    make(3)
    few = queries_of(client, JOBS)
    make(60)
    many = queries_of(client, JOBS)
    assert len(many) <= 6, many
    assert len(many) <= len(few) + 1


def test_the_list_reads_neither_specs_nor_output(superuser: Any) -> None:
    [job] = make(1)
    run_to(job, "completed", stdout=b"x" * 100_000)
    said = " ".join(queries_of(superuser, JOBS))
    for column in ("spec", "facts", "latest_execution", "executor_metadata", "override_environment"):
        assert f'"{column}"' not in said
    assert "outputchunk" not in said


def peak_of(client: Any, address: str) -> int:
    """The most bytes that Python holds at once for an answer."""
    client.get(address)
    tracemalloc.start()
    try:
        assert client.get(address).getvalue()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_thirty_jobs_of_five_megabytes_of_output_add_nothing_to_the_memory_of_lists(superuser: Any) -> None:
    output = b"x" * 5_000_000
    addresses = (JOBS, "/admin/container_manager/containerexecution/", f"{JOBS}dashboard/")
    jobs = make(30)
    for job in jobs:
        run_to(job, "completed")
    before = [peak_of(superuser, address) for address in addresses]
    for job in jobs:
        job.restart()
        run_to(job, "completed", stdout=output)
    after = [peak_of(superuser, address) for address in addresses]
    assert peak_of(superuser, f"{JOBS}{jobs[0].pk}/output/2/stdout/") > 1_000_000, "what is read is seen"
    for address, less, more in zip(addresses, before, after, strict=True):
        assert more - less < 500_000, address


@pytest.mark.parametrize("address", ["containerexecution", "executorhost", "containertemplate"])
def test_other_lists_read_no_row_by_row(superuser: Any, address: str) -> None:
    from container_manager.models import ContainerTemplate, ExecutorHost

    def add(first: int, last: int) -> None:
        for number in range(first, last):
            host = ExecutorHost.objects.create(name=f"host {number}")
            ContainerTemplate.objects.create(name=f"template {number}", docker_image="busybox")
            [job] = make(1, docker_host=host)
            run_to(job, "completed")

    add(0, 3)
    few = queries_of(superuser, f"/admin/container_manager/{address}/")
    add(3, 9)
    assert len(queries_of(superuser, f"/admin/container_manager/{address}/")) == len(few)


def test_the_pages_of_a_long_list_follow_each_other(superuser: Any) -> None:
    make(120)
    names: list[str] = []
    for page in (1, 2, 3):
        text = superuser.get(f"{JOBS}?p={page}").content.decode()
        assert "120 jobs" in text
        names += re.findall(r">(job \d+)</a>", text)
    assert sorted(names) == sorted(f"job {number}" for number in range(120))
    assert superuser.get(f"{JOBS}?p=9").status_code == 302


def test_a_count_stops_where_nobody_reads_on(project: str) -> None:
    from container_manager.admin.paging import BoundedCount

    assert (str(BoundedCount(9_999)), str(BoundedCount(10_000))) == ("9999", "10000+")


def test_the_live_fragment_sends_only_what_has_changed(superuser: Any) -> None:
    quiet, busy = make(2)
    page = superuser.get(JOBS).content.decode()
    [address] = re.findall(r'hx-get="([^"]+)"', page)
    address = address.replace("&amp;", "&")
    unchanged = superuser.get(address)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    run_to(busy, "running")
    changed = superuser.get(address).content.decode()
    assert f"cm-status-{busy.pk.hex}" in changed
    assert "running" in changed
    assert f"cm-status-{quiet.pk.hex}" not in changed


def test_the_live_fragment_asks_no_more_when_all_have_ended(superuser: Any) -> None:
    [job] = make(1)
    [address] = re.findall(r'hx-get="([^"]+)"', superuser.get(f"{JOBS}?status=pending").content.decode())
    run_to(job, "completed")
    last = superuser.get(address.replace("&amp;", "&")).content.decode()
    assert "completed" in last
    assert "hx-get" not in last


def test_the_live_fragment_tells_of_newer_jobs_once_and_the_notice_stays(superuser: Any) -> None:
    [shown] = make(1)
    [address] = re.findall(r'hx-get="([^"]+)"', superuser.get(JOBS).content.decode())
    assert superuser.get(address.replace("&amp;", "&")).status_code == 204
    make(1)
    first = superuser.get(address.replace("&amp;", "&")).content.decode()
    assert "newer jobs" in first
    [address] = re.findall(r'hx-get="([^"]+)"', first)
    assert superuser.get(address.replace("&amp;", "&")).status_code == 204
    run_to(shown, "running")
    assert "newer jobs" in superuser.get(address.replace("&amp;", "&")).content.decode()


def test_the_live_fragment_asks_no_more_for_a_job_that_is_gone(superuser: Any) -> None:
    [job] = make(1)
    [address] = re.findall(r'hx-get="([^"]+)"', superuser.get(f"{JOBS}?status=pending").content.decode())
    job.delete()
    gone = superuser.get(address.replace("&amp;", "&"))
    assert (gone.status_code, "hx-get" in gone.content.decode()) == (200, False)


@pytest.mark.parametrize("change", ["waiting", "host_name", "cancel_requested", "attempt"])
def test_the_live_fragment_sees_what_the_list_shows(superuser: Any, change: str) -> None:
    from container_manager.models import ContainerJob

    [job] = make(1)
    [address] = re.findall(r'hx-get="([^"]+)"', superuser.get(JOBS).content.decode())
    value = "elsewhere" if change in ("waiting", "host_name") else 7
    ContainerJob.objects.filter(pk=job.pk).update(**{change: value})
    assert f"cm-status-{job.pk.hex}" in superuser.get(address.replace("&amp;", "&")).content.decode()


@pytest.mark.parametrize("junk", ["x", "," * 50, "g" * 40, "0" * 40, "%00", "1" * 5000])
def test_the_live_fragment_takes_any_address(superuser: Any, junk: str) -> None:
    assert superuser.get(f"{JOBS}live/?jobs={junk}&newest={junk}").status_code in (200, 204)


def test_a_fragment_of_a_session_that_has_ended_lets_the_page_load_itself_anew(project: str) -> None:
    from django.test import Client

    answer = Client().get(f"{JOBS}live/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (403, "true")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=unfinished", {"job 0"}),
        ("status=failed", {"job 1"}),
        ("status=unsuccessful", {"job 1"}),
        ("failure=exit", {"job 1"}),
        ("host=engine", {"job 0", "job 1"}),
        ("host=other", set()),
        ("executor=docker", {"job 1"}),
        ("q=job+1", {"job 1"}),
        ("q=busybox", {"job 0", "job 1"}),
        ("template=1%27", set()),
        ("template=99999999999999999999", set()),
    ],
)
def test_filters_and_search_find_what_they_say(superuser: Any, query: str, found: set[str]) -> None:
    from container_manager.models import ExecutorHost
    from container_manager_core.failure import Failure, FailureKind

    _, failed = make(2, docker_host=ExecutorHost.objects.create(name="engine"))
    run_to(failed, "failed", failure=Failure(kind=FailureKind.EXIT, message="ended with code 3"))
    text = superuser.get(f"{JOBS}?{query}", follow=True).content.decode()
    assert set(re.findall(r">(job \d+)</a>", text)) == found


def test_a_job_is_found_by_the_beginning_of_its_id(superuser: Any) -> None:
    job, _ = make(2)
    text = superuser.get(f"{JOBS}?q={str(job.pk)[:10]}").content.decode()
    assert re.findall(r">(job \d+)</a>", text) == [job.name]


def test_a_list_of_hosts_asks_no_host(superuser: Any) -> None:
    """The address leads nowhere: asking it would be an error, and would be stored."""
    from container_manager.models import ExecutorHost

    ExecutorHost.objects.create(name="silent", connection_string="tcp://192.0.2.1:2375")
    text = superuser.get("/admin/container_manager/executorhost/").content.decode()
    assert "not checked yet" in text
    assert ExecutorHost.objects.get().last_health_check is None
