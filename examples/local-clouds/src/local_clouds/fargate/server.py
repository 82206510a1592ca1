"""The cloud as a server: HTTP in front, ECS of its own, everything else by moto."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import docker
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends
from werkzeug.test import Client

from local_clouds.containers import left_behind
from local_clouds.fargate.ecs import ConflictingToken, Ecs
from local_clouds.fargate.faults import Fault, Faults
from local_clouds.fargate.identity import Refused, Request, User, caller
from local_clouds.fargate.logdriver import LogDriver
from local_clouds.fargate.tasks import Ground

ACCOUNT_ID = "123456789012"
_SERVICES = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "Logs_20140328": "logs",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
}
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_LISTS = {"GetLogEvents": ("limit", 10_000), "DescribeLogStreams": ("limit", 50)}

Response = tuple[int, Mapping[str, str], bytes]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, as a killed worker does, is nothing to tell."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class LocalFargate:
    """Fargate on a laptop. A context manager: within it the server listens, at its end no container is left.

    Args:
        engine: runs the containers.
        faults: what goes wrong; may be changed at any time.
        region: the only one there is.
        users: who may call; one with the key ``local`` and the secret ``local`` when left out.
        clusters: which there are.
        log_groups: which there are from the beginning.
        most_vcpus: the account's quota.
        port: where to listen on 127.0.0.1; 0 takes a free one.

    Attributes:
        url: where it listens.
        calls: how often each action was called, such as ``RunTask``.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        *,
        faults: Faults | None = None,
        region: str = "eu-central-1",
        users: Sequence[User] = (),
        clusters: Sequence[str] = ("default",),
        log_groups: Sequence[str] = ("/container-manager",),
        most_vcpus: float = 4000,
        port: int = 0,
    ) -> None:
        self.faults = faults or Faults()
        self.region = region
        self.calls: Counter[str] = Counter()
        self._engine = engine
        given = users or (User(name="local", access_key="local", secret_key="local"),)
        self._users = {user.access_key: user for user in given}
        self._logs = LogDriver(ACCOUNT_ID, region, self.faults)
        for group in log_groups:
            self._logs.create_group(group)
        self._server = _Server(("127.0.0.1", port), _handler(self._answer))
        taken = self._server.server_address[1]
        self._name = f"fargate-{taken}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="local fargate")
        self.url = f"http://127.0.0.1:{taken}"
        ground = Ground(
            name=self._name,
            engine=engine,
            logs=self._logs,
            secret_value=self._secret_value,
            region=region,
            account_id=ACCOUNT_ID,
            most_cpus=engine.info()["NCPU"],
        )
        self.ecs = Ecs(ground, clusters, self.faults, most_vcpus)
        self._moto = Client(DomainDispatcherApplication(create_backend_app), use_cookies=False)
        self._counting = threading.Lock()

    def __enter__(self) -> Self:
        self._logs.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.ecs.stop_all()
        self._logs.stop()

    def remove_left_behind(self) -> None:
        """Remove the containers of a cloud that listened on the same port and was killed."""
        for container_id in left_behind(self._engine, self._name):
            self._engine.api.remove_container(container_id, force=True, v=True)

    def _answer(self, request: Request) -> Response | None:
        service, action = _action(request)
        with self._counting:
            self.calls[action] += 1
        try:
            fault = self._checked(request, service, action)
            status, headers, body = self._done(request, service, action, fault)
        except Refused as refusal:
            return _refusal(refusal)
        if fault is Fault.LOST:
            return None
        if fault is Fault.ERROR_AFTER:
            return _refusal(Refused("ServerException", "Service Unavailable. Please try again later.", 500))
        return status, headers, body

    def _checked(self, request: Request, service: str, action: str) -> Fault | None:
        if request.headers.get("x-amz-security-token") in self.faults.expired_tokens:
            raise Refused("ExpiredTokenException", "The security token included in the request is expired")
        user = caller(request, self._users, self.region)
        if f"{service}:{action}" in user.denied:
            raise Refused(
                "AccessDeniedException",
                f"User: arn:aws:iam::{ACCOUNT_ID}:user/{user.name} is not authorized to perform: {service}:{action} "
                "on resource: * because no identity-based policy allows the action",
            )
        fault = self.faults.next(action)
        if fault is Fault.THROTTLED:
            raise Refused("ThrottlingException", "Rate exceeded")
        return fault

    def _done(self, request: Request, service: str, action: str, fault: Fault | None) -> Response:
        if service == "ecs":
            answer = self.ecs.call(action, json.loads(request.body or b"{}"), fault)
            return 200, _JSON, json.dumps(answer).encode()
        body = self._smaller_pages(action, request.body)
        page = self._logs.page(json.loads(body)) if action == "GetLogEvents" else None
        if page is not None:
            return 200, _JSON, json.dumps(page).encode()
        answered = self._moto.open(
            request.path, method=request.method, headers=dict(request.headers) | {"host": ""}, data=body
        )
        kept = {name: value for name, value in answered.headers.items() if name.lower() != "content-length"}
        return answered.status_code, kept, answered.get_data()

    def _smaller_pages(self, action: str, body: bytes) -> bytes:
        if action not in _LISTS or self.faults.page_size is None:
            return body
        name, most = _LISTS[action]
        wanted = json.loads(body)
        return json.dumps(wanted | {name: min(wanted.get(name, most), self.faults.page_size)}).encode()

    def _secret_value(self, name: str) -> str:
        """The value by ``name`` or ARN of a parameter, or ``arn:...:secret:name[:json key:stage:version]``."""
        words = name.split(":")
        try:
            if name.startswith("arn:") and words[2] == "secretsmanager":
                value = self._stored_secret(":".join(words[:7]), words[6])
                return str(json.loads(value)[words[7]]) if len(words) > 7 else value
            parameter = ssm_backends[ACCOUNT_ID][self.region].get_parameter(name.partition(":parameter")[2] or name)
        except (KeyError, JsonRESTError, ServiceException) as error:
            raise LookupError(f"ResourceNotFoundException: {name}: {error}") from error
        if parameter is None:
            raise LookupError(f"ParameterNotFound: {name}")
        return str(parameter.response_object(decrypt=True)["Value"])

    def _stored_secret(self, *names: str) -> str:
        """The first that exists: a whole ARN has six random characters behind the name, a short one has not."""
        backend = secretsmanager_backends[ACCOUNT_ID][self.region]
        for name in names[:-1]:
            if name in (secret.arn for secret in backend.secrets.values()):
                return str(backend.get_secret_value(name, "", "")["SecretString"])
        return str(backend.get_secret_value(names[-1], "", "")["SecretString"])


def _action(request: Request) -> tuple[str, str]:
    service, _, action = request.headers.get("x-amz-target", "").partition(".")
    if action:
        return _SERVICES.get(service, service.lower()), action
    form = dict(pair.partition("=")[::2] for pair in request.body.decode("latin-1").split("&"))
    return "sts", form.get("Action", "unknown")


def _refusal(refusal: Refused) -> Response:
    answer: dict[str, Any] = {"__type": refusal.code, "message": refusal.message}
    if isinstance(refusal, ConflictingToken):
        answer["resourceIds"] = refusal.arns
    return refusal.status, _JSON | {"x-amzn-ErrorType": refusal.code}, json.dumps(answer).encode()


def _handler(answer: Callable[[Request], Response | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answered = answer(Request(method="POST", path=self.path, headers=headers, body=body))
            if answered is None:
                self.close_connection = True
                return
            status, given, content = answered
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the cloud tells its calls by `LocalFargate.calls`."""

    return Handler
