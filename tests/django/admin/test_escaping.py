"""Text from jobs, platforms and people is text, on every page."""

from html.parser import HTMLParser
from typing import Any

import pytest

from support.django_jobs import run_to

BASE = "/admin/container_manager/"
MARKUP = "<script>alert(1)</script><b onmouseover=x>{% now 'Y' %}{{ settings.SECRET_KEY }} {0} %s &amp;"


@pytest.fixture
def job(project: str) -> Any:
    from container_manager.models import ContainerJob, ContainerTemplate, ExecutorHost
    from container_manager_core.failure import Failure, FailureKind

    host = ExecutorHost.objects.create(name=f"h{MARKUP}"[:100])
    ExecutorHost.objects.update(health_check_failures=1, health_message=MARKUP)
    template = ContainerTemplate.objects.create(name=f"t{MARKUP}"[:100], docker_image="busybox")
    made = ContainerJob.objects.create(name=MARKUP, template=template, docker_host=host)
    failure = Failure(kind=FailureKind.EXIT, message=MARKUP, hint=MARKUP)
    run_to(
        made,
        "failed",
        failure=failure,
        stdout=MARKUP.encode() + b"\xff\x00",
        stderr=b"</pre>" + MARKUP.encode(),
        metadata={"note": MARKUP, MARKUP: "x"},
    )
    return made


@pytest.mark.parametrize(
    "address",
    [
        "containerjob/",
        "containerjob/{job}/change/",
        "containerjob/{job}/live/?attempt=1&stdout=0&stderr=0&version=x",
        "containerjob/{job}/restart/",
        "containerjob/live/?jobs={hex}00000000",
        "containerjob/dashboard/",
        "containerexecution/",
        "executorhost/",
        "containertemplate/",
        "containertemplate/{template}/jobs/",
    ],
)
def test_markup_is_shown_and_not_obeyed(superuser: Any, job: Any, address: str) -> None:
    found = superuser.get(BASE + address.format(job=job.pk, hex=job.pk.hex, template=job.template_id))
    text = found.content.decode()
    assert found.status_code == 200
    assert "<script>alert" not in text
    assert "<b onmouseover" not in text
    assert "a key of the tests" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_output_is_saved_as_text(superuser: Any, job: Any) -> None:
    answer = superuser.get(f"{BASE}containerjob/{job.pk}/output/1/stdout/")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"".join(answer.streaming_content) == MARKUP.encode() + b"\xff\x00"
    assert superuser.get(f"{BASE}containerjob/{job.pk}/output/1/secrets/").status_code == 404


class _Elements(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_pages_need_no_inline_script_no_inline_style_and_no_other_origin(superuser: Any, job: Any) -> None:
    for address in ("containerjob/", f"containerjob/{job.pk}/change/", "containerjob/dashboard/", "executorhost/"):
        elements = _Elements(superuser.get(BASE + address).content.decode()).found
        assert len(elements) > 100
        for tag, values in elements:
            assert tag != "style"
            assert tag != "script" or values.get("src") or values.get("type") == "application/json"
            assert not [name for name in values if name == "style" or name.startswith(("on", "hx-on"))]
            for name in ("src", "href", "action", "hx-get"):
                assert not (values.get(name) or "").startswith(("http:", "https:", "//", "javascript:", "data:"))


def test_why_a_job_failed_stands_above_its_output(superuser: Any, job: Any) -> None:
    text = superuser.get(f"{BASE}containerjob/{job.pk}/change/").content.decode()
    places = [text.index(part) for part in ("cm-headline", "cm-failure", "What to do:", "cm-facts", 'id="cm-stdout"')]
    assert places == sorted(places)
