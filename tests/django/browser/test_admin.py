"""What a person does in the admin, in a real browser, with a worker on a real engine."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.engine import Engine

JOBS = "/admin/container_manager/containerjob/"
# The command waits for a file that nobody writes: it runs until it is stopped.
ENDLESS = "sh -c 'echo begun; while [ ! -e /never ]; do sleep 0.2; done'"


def job(name: str, command: str, host: Any, engine: Engine, **fields: Any) -> Any:
    from container_manager.models import ContainerJob

    return ContainerJob.objects.create(name=name, image=engine.image, command=command, docker_host=host, **fields)


def expect(found: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(found)


def fits(page: Any) -> bool:
    """Whether nothing stands out of the window sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_host_and_a_job_are_created_and_the_job_is_watched_to_its_end_without_reloading(
    open_page: Callable[..., Any], worker: None, engine: Engine
) -> None:
    page = open_page()
    page.goto("/admin/container_manager/executorhost/add/")
    page.fill("#id_name", "engine")
    page.fill("#id_connection_string", engine.base_url)
    page.uncheck("#id_auto_pull_images")
    page.click("input[name=_save]")
    page.goto(f"{JOBS}add/")
    page.fill("#id_name", "talker")
    page.fill("#id_image", engine.image)
    page.fill("#id_command", "sh -c 'echo to out; echo to err >&2; sleep 6; echo \"<b>last</b>\"'")
    page.select_option("#id_docker_host", "engine")
    page.click("input[name=_continue]")
    page.evaluate("window.never_reloaded = true")
    expect(page.locator(".cm-headline .cm-badge")).to_have_text("running", timeout=30_000)
    expect(page.locator("#cm-stdout")).to_have_text("to out\n", timeout=30_000)
    expect(page.locator("#cm-stderr")).to_have_text("to err\n", timeout=30_000)
    expect(page.locator(".cm-headline .cm-badge")).to_have_text("completed", timeout=30_000)
    expect(page.locator("#cm-stdout")).to_have_text("to out\n<b>last</b>\n")
    expect(page.locator("#cm-history")).to_contain_text("Attempts")
    assert page.evaluate("window.never_reloaded")
    assert page.locator("#cm-poll").get_attribute("hx-get") is None
    assert fits(page)


def test_the_list_follows_its_jobs_without_reloading(
    open_page: Callable[..., Any], worker: None, docker_host: Any, engine: Engine
) -> None:
    page = open_page()
    found = job("sleeper", ENDLESS, docker_host, engine)
    page.goto(JOBS)
    page.evaluate("window.never_reloaded = true")
    status = page.locator(f"#cm-status-{found.pk.hex}")
    expect(status).to_contain_text("running", timeout=30_000)
    job("newcomer", "true", docker_host, engine)
    expect(page.locator(".cm-newer")).to_be_visible(timeout=30_000)
    found.cancel()
    expect(status).to_contain_text("cancelled", timeout=30_000)
    assert page.evaluate("window.never_reloaded")
    assert fits(page)


def test_a_running_job_is_stopped_from_its_page(
    open_page: Callable[..., Any], worker: None, docker_host: Any, engine: Engine
) -> None:
    page = open_page()
    found = job("endless", ENDLESS, docker_host, engine)
    page.goto(f"{JOBS}{found.pk}/change/")
    expect(page.locator(".cm-headline .cm-badge")).to_have_text("running", timeout=30_000)
    page.click("a.cm-do-cancel")
    page.click("input.cm-do-cancel")
    expect(page.locator(".messagelist")).to_contain_text("Asked to stop: 1 job.")
    expect(page.locator(".cm-headline .cm-badge")).to_have_text("cancelled", timeout=30_000)


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_two_jobs_are_restarted_at_once(
    open_page: Callable[..., Any], worker: None, docker_host: Any, engine: Engine, javascript: bool
) -> None:
    page = open_page(java_script_enabled=javascript)
    for name in ("first", "second"):
        job(name, "echo again", docker_host, engine)
    _reload_until(page, f"{JOBS}?status=completed", "#result_list tbody tr", 2)
    for box in page.locator("#result_list input.action-select").all():
        box.check()
    page.select_option("select[name=action]", "restart_jobs")
    page.click("button[name=index]")
    expect(page.locator(".cm-chosen li")).to_have_count(2)
    page.click("input.cm-do-restart")
    expect(page.locator(".messagelist")).to_contain_text("Restarted: 2 jobs.")
    _reload_until(page, f"{JOBS}?status=completed", "#result_list tbody tr", 2)
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator("#cm-history tbody").first.locator("tr")).to_have_count(2)
    assert fits(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_why_a_job_failed_is_read_at_first_sight(
    open_page: Callable[..., Any], worker: None, docker_host: Any, engine: Engine, javascript: bool
) -> None:
    """Status, kind, sentence and remedy stand in the first window, without scrolling."""
    page = open_page(java_script_enabled=javascript)
    # The engine misses what happens before it has begun to look after a container it started.
    job("hungry", "sh -c 'sleep 1; exec tail /dev/zero'", docker_host, engine, memory_limit=64)
    _reload_until(page, f"{JOBS}?status=failed", "#result_list tbody tr", 1)
    expect(page.locator("#result_list .cm-why").first).to_have_text("out-of-memory")
    page.locator("#result_list tbody th a").click()
    failure = page.locator(".cm-failure")
    expect(failure).to_contain_text("out-of-memory")
    expect(failure).to_contain_text("What to do:")
    box = failure.bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"]


def test_every_page_fits_its_window(open_page: Callable[..., Any], docker_host: Any, engine: Engine) -> None:
    from container_manager.models import ContainerTemplate

    page = open_page()
    template = ContainerTemplate.objects.create(name="template", docker_image=engine.image)
    template.environment_variables.create(key="TOKEN", value="hunter2", is_secret=True)
    found = job("a name without any blank in it " + "x" * 120, "true", docker_host, engine)
    for address in (
        "",
        "containerjob/",
        "containerjob/?status=unfinished&q=name",
        "containerjob/add/",
        f"containerjob/{found.pk}/change/",
        f"containerjob/{found.pk}/history/",
        f"containerjob/{found.pk}/delete/",
        f"containerjob/{found.pk}/cancel/",
        "containerjob/dashboard/",
        "containerexecution/",
        "executorhost/",
        "executorhost/add/",
        f"executorhost/{docker_host.pk}/change/",
        "containertemplate/",
        "containertemplate/add/",
        f"containertemplate/{template.pk}/change/",
        f"containertemplate/{template.pk}/jobs/",
        "environmentvariabletemplate/",
        "environmentvariabletemplate/add/",
    ):
        answer = page.goto(f"/admin/container_manager/{address}")
        assert answer.status == 200, address
        assert fits(page), address
        assert "hunter2" not in page.content()


def _reload_until(page: Any, address: str, rows: str, count: int) -> None:
    """What a person without a script does."""
    for _ in range(120):
        page.goto(address)
        if page.locator(rows).count() == count:
            return
        page.wait_for_timeout(250)
    raise AssertionError(re.sub(r"\s+", " ", page.locator("#changelist").inner_text()))
