"""Output comes piece by piece: nothing twice, nothing lost, no character cut in two."""

import re
from html import unescape
from typing import Any

import pytest

from container_manager_core.executor import Stream
from container_manager_core.store.protocol import Record, StoredLog
from support.django_jobs import run_to

BASE = "/admin/container_manager/containerjob/"


def running(**output: bytes) -> Any:
    from container_manager.models import ContainerJob

    job = ContainerJob.objects.create(image="busybox")
    run_to(job, "running", **output)
    return job


def append(job: Any, offset: int, data: bytes) -> None:
    from container_manager.manager import get_manager

    store = get_manager().store
    value = store.get(job.pk)
    log = StoredLog(stream=Stream.STDOUT, offset=offset, data=data)
    assert store.record_many([Record(job=value, logs=(log,))]) == ["stored"]


def poll(client: Any, page: str) -> str:
    [address] = re.findall(r'id="cm-poll" hx-get="([^"]+)"', page)
    return client.get(unescape(address)).content.decode()


def appended(fragment: str) -> str:
    found = re.findall(r'beforeend:#cm-stdout">(.*?)</span><', fragment + "<", re.DOTALL)
    return unescape("".join(found))


def test_a_page_polls_for_what_it_has_not_got(superuser: Any) -> None:
    job = running(stdout=b"one\n")
    page = superuser.get(f"{BASE}{job.pk}/change/").content.decode()
    assert "one\n</pre>" in page
    nothing = poll(superuser, page)
    assert appended(nothing) == ""
    append(job, 4, b"two\n")
    more = poll(superuser, nothing)
    assert appended(more) == "two\n"
    assert appended(poll(superuser, more)) == ""


def test_a_character_is_held_back_until_it_is_whole(superuser: Any) -> None:
    text = "añ€😀".encode()
    job = running(stdout=text[:1])
    fragment, shown = superuser.get(f"{BASE}{job.pk}/change/").content.decode(), "a"
    for position in range(1, len(text)):
        append(job, position, text[position : position + 1])
        fragment = poll(superuser, fragment)
        shown += appended(fragment)
    assert shown == "añ€😀"


def test_too_much_output_is_shown_from_its_end(superuser: Any) -> None:
    job = running(stdout=b"begin" + b"x" * 300_000 + b"end")
    page = superuser.get(f"{BASE}{job.pk}/change/").content
    assert len(page) < 200_000
    assert b"end</pre>" in page
    assert b"begin" not in page
    assert b"left out here" in page


def test_a_page_that_lags_behind_jumps_to_the_end(superuser: Any) -> None:
    job = running(stdout=b"one")
    page = superuser.get(f"{BASE}{job.pk}/change/").content.decode()
    append(job, 3, b"x" * 300_000 + b"end")
    fragment = poll(superuser, page)
    assert len(fragment) < 200_000
    assert "left out here" in fragment
    assert "end</span>" in fragment
    assert "xend" not in poll(superuser, fragment)


def test_the_panel_comes_only_when_it_has_changed(superuser: Any) -> None:
    job = running()
    page = superuser.get(f"{BASE}{job.pk}/change/").content.decode()
    assert "cm-head" not in poll(superuser, page)
    superuser.post(f"{BASE}{job.pk}/cancel/")
    assert "being stopped" in poll(superuser, page)


@pytest.mark.parametrize("status", ["completed", "failed", "timeout", "cancelled"])
def test_a_page_of_a_job_that_has_ended_polls_no_more(superuser: Any, status: str) -> None:
    from container_manager.models import ContainerJob

    job = ContainerJob.objects.create(image="busybox")
    page = superuser.get(f"{BASE}{job.pk}/change/").content.decode()
    run_to(job, status, stdout=b"last words")
    last = poll(superuser, page)
    assert "last words" in last
    assert f"cm-{status}" in last
    assert "hx-get" not in last
    assert "hx-get" not in superuser.get(f"{BASE}{job.pk}/change/").content.decode()


def test_whoever_looks_makes_the_worker_take_the_output_over(superuser: Any) -> None:
    job = running()
    superuser.get(f"{BASE}{job.pk}/change/")
    job.refresh_from_db()
    assert job.watched_until is not None


@pytest.mark.parametrize("junk", ["attempt=x&stdout=-1", "attempt=99999999999999999999&stdout=9e9", "stdout=%00", ""])
def test_the_fragment_takes_any_address(superuser: Any, junk: str) -> None:
    job = running(stdout=b"x")
    assert superuser.get(f"{BASE}{job.pk}/live/?{junk}").status_code == 200
