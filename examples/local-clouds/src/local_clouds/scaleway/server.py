"""The local cloud over HTTP."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from local_clouds.scaleway.cloud import Cloud
from local_clouds.scaleway.faults import Garbled, Lost
from local_clouds.scaleway.refusal import Refused, not_found

_JOBS = r"/serverless-jobs/v1alpha2/regions/(?P<region>[^/]+)"
_ROUTES = tuple(
    (method, re.compile(path), operation, permission)
    for method, path, operation, permission in (
        ("POST", rf"{_JOBS}/job-definitions", "CreateJobDefinition", "jobs:write"),
        ("GET", rf"{_JOBS}/job-definitions", "ListJobDefinitions", "jobs:read"),
        ("DELETE", rf"{_JOBS}/job-definitions/([^/]+)", "DeleteJobDefinition", "jobs:write"),
        ("POST", rf"{_JOBS}/job-definitions/([^/]+)/start", "StartJobDefinition", "jobs:write"),
        ("GET", rf"{_JOBS}/job-runs", "ListJobRuns", "jobs:read"),
        ("GET", rf"{_JOBS}/job-runs/([^/]+)", "GetJobRun", "jobs:read"),
        ("POST", rf"{_JOBS}/job-runs/([^/]+)/stop", "StopJobRun", "jobs:write"),
        ("POST", rf"{_JOBS}/secrets", "CreateSecrets", "jobs:write"),
        ("GET", rf"{_JOBS}/secrets", "ListSecrets", "jobs:read"),
        ("GET", r"/cockpit/v1/regions/(?P<region>[^/]+)/data-sources", "ListDataSources", "cockpit:read"),
        (
            "GET",
            r"/secret-manager/v1beta1/regions/(?P<region>[^/]+)/secrets/([^/]+)/versions/([^/]+)/access",
            "AccessSecretVersion",
            "secrets:read",
        ),
        ("GET", r"/loki/api/v1/query_range", "QueryLogs", "logs:read"),
    )
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud: ClassVar[Cloud]

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = self._answer(json.loads(raw) if raw else {})
        except Refused as refused:
            self._send(refused.status, json.dumps(refused.body))
        except Garbled:
            self._send(200, "<html>Please log in to the network</html>")
        except Lost:
            self.close_connection = True
        else:
            self._send(204 if body is None else 200, "" if body is None else json.dumps(body))

    def _send(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, body: Any) -> Any:
        address = urlsplit(self.path)
        for method, path, operation, permission in _ROUTES:
            match = path.fullmatch(address.path)
            if method != self.command or match is None:
                continue
            region = match.groupdict().get("region")
            ids = [group for group in match.groups()[region is not None :]]
            self.cloud.calls[operation] += 1
            self.cloud.authorise(self.headers.get("X-Auth-Token"), permission, region)
            self.cloud.faults.before(operation)
            answer = self.cloud.operation(operation)(ids, parse_qs(address.query), body)
            self.cloud.faults.after(operation)
            return answer
        raise not_found("route", f"{self.command} {address.path}")


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Server:
    """Serves a cloud in threads, for the time of a ``with`` block.

    Args:
        cloud: what is served.
        port: on loopback; 0 takes a free one.
    """

    def __init__(self, cloud: Cloud, port: int = 0) -> None:
        self.cloud = cloud
        handler = type("Handler", (_Handler,), {"cloud": cloud})
        self._server = _HTTPServer(("127.0.0.1", port), handler)
        cloud.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="scaleway", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens; for the API and for the logs."""
        return self.cloud.url

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.cloud.close()
