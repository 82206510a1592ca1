"""An open list's glances: cheap while its pass holds, and for nobody else than its session, nor for long."""

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.core.signing import TimestampSigner, b62_encode
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from container_manager.admin import passes
from support.django_jobs import run_to

JOBS = "/admin/container_manager/containerjob/"


@pytest.fixture
def jobs(project: str) -> list[Any]:
    from container_manager.models import ContainerJob

    return ContainerJob.objects.bulk_create(
        [ContainerJob(name=f"job {number}", image="busybox") for number in range(50)]
    )


def polled(text: str) -> str:
    """The address that a page asks next."""
    [address] = re.findall(r'hx-get="([^"]+)"', text)
    return str(address.replace("&amp;", "&"))


def pass_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)[passes.PARAMETER][0]


def with_pass(address: str, given: str) -> str:
    parts = urlsplit(address)
    query = {name: each[0] for name, each in parse_qs(parts.query, keep_blank_values=True).items()}
    return f"{parts.path}?{urlencode({**query, passes.PARAMETER: given})}"


def issued_before(client: Client, seconds: int, address: str = f"{JOBS}live/") -> str:
    """A pass as it was issued to a session some time ago."""

    class Then(TimestampSigner):
        def timestamp(self) -> str:
            return b62_encode(int(time.time()) - seconds)

    holder = f"{address} {client.cookies[settings.SESSION_COOKIE_NAME].value}"
    return Then(salt="container_manager.admin.passes").sign(holder).removeprefix(f"{holder}:")


def test_an_unchanged_list_costs_one_query(viewer: Any, jobs: list[Any]) -> None:
    address = polled(viewer.get(JOBS).content.decode())
    with CaptureQueriesContext(connection) as sent:
        answer = viewer.get(address)
    assert (answer.status_code, len(sent)) == (204, 1)
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_change_renews_no_pass(viewer: Any, jobs: list[Any]) -> None:
    before = polled(viewer.get(JOBS).content.decode())
    run_to(jobs[0], "running")
    after = polled(viewer.get(before).content.decode())
    assert pass_of(after) == pass_of(before)
    assert viewer.get(after).status_code == 204


def test_a_pass_that_ends_while_it_is_used_is_not_renewed_unseen(
    viewer: Any, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = polled(viewer.get(JOBS).content.decode())
    run_to(jobs[0], "running")
    looks = iter([True])
    monkeypatch.setattr(passes, "holds", lambda request: next(looks, False))
    after = polled(viewer.get(before).content.decode())
    assert pass_of(after) == pass_of(before)


def test_a_pass_that_is_over_is_renewed_for_who_may_still_see_jobs(viewer: Any, jobs: list[Any]) -> None:
    address = polled(viewer.get(JOBS).content.decode())
    young, old = (issued_before(viewer, seconds) for seconds in (passes.SECONDS - 10, passes.SECONDS + 2))
    assert viewer.get(with_pass(address, young)).status_code == 204
    renewed = viewer.get(with_pass(address, old))
    assert renewed.status_code == 200
    assert "cm-status-" not in renewed.content.decode()
    assert pass_of(polled(renewed.content.decode())) != old
    assert viewer.get(polled(renewed.content.decode())).status_code == 204


def test_who_may_no_longer_see_jobs_is_told_nothing_once_the_pass_is_over(viewer: Any, jobs: list[Any]) -> None:
    from django.contrib.auth import get_user_model

    address = polled(viewer.get(JOBS).content.decode())
    get_user_model().objects.get().user_permissions.clear()
    run_to(jobs[0], "running")
    assert viewer.get(with_pass(address, issued_before(viewer, passes.SECONDS + 2))).status_code == 403


def test_who_has_logged_out_is_told_nothing_any_more(viewer: Any, jobs: list[Any]) -> None:
    address = polled(viewer.get(JOBS).content.decode())
    viewer.logout()
    answer = viewer.get(address, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"], answer.content) == (403, "true", b"")


@pytest.mark.parametrize("wrong", ["", "x", ":", "1:2", "of another session", "of another address"])
def test_a_pass_of_another_admits_nobody(wrong: str, viewer: Any, person: Any, jobs: list[Any]) -> None:
    address = polled(viewer.get(JOBS).content.decode())
    nobody = person()
    made = {
        "of another session": pass_of(address),
        "of another address": issued_before(nobody, 1, "/admin/other/live/"),
    }
    assert nobody.get(with_pass(address, made.get(wrong, wrong))).status_code == 403
    stranger = Client().get(with_pass(address, made.get(wrong, wrong)))
    assert (stranger.status_code, stranger.content) == (302, b"")
