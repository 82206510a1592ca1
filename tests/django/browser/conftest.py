"""A browser, the project served on loopback, and a worker on the real engine."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.chromium import open_chromium
from support.engine import Engine
from support.unavailable import ServiceUnavailable

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
"""Of every answer: nothing from another origin, and neither scripts nor styles that stand in the page itself."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="keep pictures of the pages there, to be looked at")


@pytest.fixture(scope="session")
def browser(project: str) -> Iterator[Any]:
    """Chromium. Playwright runs an event loop in this thread, beside which Django's ORM is used on purpose."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_chromium())
        except ServiceUnavailable as error:
            pytest.fail(str(error), pytrace=False)
        yield opened
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE") if before is None else None


@pytest.fixture(scope="session")
def site(project: str) -> Iterator[str]:
    """The project's address, static files included; each answer carries the strict `POLICY`."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    application = StaticFilesHandler(get_wsgi_application())

    def strict(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("Content-Security-Policy", POLICY)], *rest)

        return application(environ, start)

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = True
    server.set_app(strict)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def worker(project: str, tmp_path: Path) -> Iterator[None]:
    """A worker process for the time of the test."""
    folder = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "django", "process_container_jobs", "--poll-interval", "0.5"]
    with (tmp_path / "worker.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def docker_host(engine: Engine, project: str) -> Any:
    """The engine as a stored host."""
    from container_manager.models import ExecutorHost

    return ExecutorHost.objects.create(name="engine", connection_string=engine.base_url, auto_pull_images=False)


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    """The window's size."""
    return DESKTOP if request.param == "desktop" else PHONE


_PASSING = ("net::ERR_ABORTED", "net::ERR_NETWORK_CHANGED")
"""What leaving a page does, and a container's network that comes or goes: Chromium then drops what is under way."""


def _from_disk(route: Any) -> None:
    """Answer for a static file as the site does; a page asks for it once, and could not do without."""
    from django.contrib.staticfiles import finders

    found = finders.find(urlsplit(route.request.url).path.removeprefix("/static/"))
    route.fulfill(path=found) if found else route.continue_()


class Complaints:
    """What went wrong with pages: another origin asked, the site's policy broken, a script's error, no answer.

    Args:
        site: the only origin.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self.found: list[str] = []

    def listen(self, page: Any) -> None:
        """Hear of all that happens on a page from now on."""
        page.on("request", self._asked)
        page.on("requestfailed", self._missed)
        page.on("response", self._answered)
        page.on("console", self._told)
        page.on("pageerror", lambda error: self.found.append(str(error)))

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self._site}/", "data:")):
            self.found.append(f"asked {request.url}")

    def _missed(self, request: Any) -> None:
        if request.failure not in _PASSING:
            self.found.append(f"{request.url}: {request.failure}")

    def _answered(self, response: Any) -> None:
        if response.status >= 500:
            self.found.append(f"{response.url}: {response.status}")

    def _told(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.found.append(f"{message.location['url']}: {message.text}")


@pytest.fixture
def open_page(
    browser: Any, site: str, size: dict[str, int], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """Opens a page that is logged in.

    Fails the test when there are `Complaints`.
    """
    from django.contrib.auth import get_user_model

    complaints = Complaints(site)
    contexts = []

    def open_one(**options: Any) -> Any:
        get_user_model().objects.create_superuser("root", password="a password")
        context = browser.new_context(viewport=size, base_url=site, **options)
        contexts.append(context)
        context.route(f"{site}/static/**", _from_disk)
        page = context.new_page()
        page.set_default_timeout(30_000)
        complaints.listen(page)
        page.goto("/admin/")
        page.fill("#id_username", "root")
        page.fill("#id_password", "a password")
        page.click("[type=submit]")
        return page

    yield open_one
    folder = request.config.getoption("--screenshots")
    for number, context in enumerate(contexts):
        if folder:
            name = f"{request.node.name}-{number}.png".replace("/", "-")
            context.pages[0].screenshot(path=str(Path(folder) / name), full_page=True)
        context.close()
    assert complaints.found == []
