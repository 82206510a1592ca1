"""Whatever stands where Scaleway should be: a sentence, and never an error of the SDK's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from local_clouds.scaleway import Cloud

from container_manager_core.errors import ExecutorError, TransientError

RUN_ID = "10ca1000-0000-4000-8000-00000000aaaa"


@pytest.fixture
def serve_always() -> Iterator[Callable[[int, bytes], str]]:
    """Serves one answer to whatever is asked; gives the address."""
    with ExitStack() as stack:

        def serve(status: int, body: bytes) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def do_POST(self) -> None:
                    self.do_GET()

                def log_message(self, format: str, *args: Any) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


@pytest.mark.parametrize("status", [200, 404, 500, 502])
@pytest.mark.parametrize(
    "body",
    [b"<html>Welcome to the hotel</html>", b"", b"[]", b"null", b'"text"', b"{}", b'{"job_runs": null}', b"\xff"],
)
def test_an_answer_that_is_none_is_an_error_of_ours(
    usual_cloud: Cloud, make_executor: Any, prepare: Any, serve_always: Any, status: int, body: bytes
) -> None:
    url = serve_always(status, body)
    executor = make_executor(usual_cloud, api_url=url, cockpit_url=url)
    with pytest.raises(ExecutorError):
        executor.launch_job(prepare())
    health = executor.check_health()
    if not health.ok:
        assert health.message
        assert health.hint
    for call in (executor.list_owned, lambda: executor.check_status(RUN_ID), lambda: executor.get_logs(RUN_ID)):
        try:
            call()
        except ExecutorError as error:
            assert str(error)


def test_a_start_whose_answer_is_none_may_have_started(cloud: Cloud, make_executor: Any, prepare: Any) -> None:
    """A proxy's page in place of the answer says nothing about what Scaleway did."""
    executor, request = make_executor(cloud), prepare("exit 0")
    cloud.faults.garble_answer("StartJobDefinition")
    with pytest.raises(TransientError, match="not the API's, when asked to start") as caught:
        executor.launch_job(request)
    assert caught.value.may_have_started
    assert executor.find_execution(request) is not None
