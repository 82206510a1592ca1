"""The server: gRPC with TLS in front of the platform's state."""

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import docker
import grpc
from docker.errors import NotFound

from local_clouds.cloudrun.accounts import Account, Accounts
from local_clouds.cloudrun.certificates import Certificates
from local_clouds.cloudrun.cloud import Cloud
from local_clouds.cloudrun.faults import Faults
from local_clouds.cloudrun.methods import Method, methods
from local_clouds.cloudrun.refusal import Refusal
from local_clouds.cloudrun.runs import SERVER_LABEL
from local_clouds.containers import local_engine

_THREADS = 32


class LocalCloudRun:
    """Cloud Run Jobs, Cloud Logging and Secret Manager on a port of this machine, while the block runs.

    Args:
        engine_url: the Docker engine; None follows DOCKER_HOST.
        project, region: the only ones there are.
        port: where it listens on localhost; 0 takes a free one.
        faults: what goes wrong.
        accounts: who may call.
        secrets: values by ``projects/<project>/secrets/<name>``, the versions in order.
        grace_seconds: between SIGTERM and SIGKILL of a task that is stopped; the platform's is 10.
        starts: whether containers are started; otherwise executions wait for ever, to count calls by.

    Attributes:
        endpoint: ``localhost:<port>``.
        authority_file: PEM file of the authority that clients have to trust.
        calls: how often each method was called.
        cloud: its state.
    """

    def __init__(
        self,
        *,
        engine_url: str | None = None,
        project: str = "local-project",
        region: str = "europe-west1",
        port: int = 0,
        faults: Faults | None = None,
        accounts: Accounts | None = None,
        secrets: Mapping[str, Sequence[str]] | None = None,
        grace_seconds: float = 10.0,
        starts: bool = True,
    ) -> None:
        self.project, self.region = project, region
        self.faults = faults or Faults()
        self.calls: Counter[str] = Counter()
        self.endpoint = ""
        self._engine: docker.DockerClient = local_engine(engine_url)
        self._accounts = accounts or Accounts()
        self.cloud = Cloud(self._engine, project, region, self.faults, secrets or {}, grace_seconds, starts)
        self._port = port
        self._folder = tempfile.TemporaryDirectory(prefix="local-cloudrun-")
        self.authority_file = Path(self._folder.name) / "ca.pem"
        self._counting = threading.Lock()
        self._server: grpc.Server | None = None

    def __enter__(self) -> Self:
        certificates = Certificates.make()
        self.authority_file.write_bytes(certificates.authority)
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="local-cloudrun")
        self._server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        by_service: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
        for method in methods(self.cloud, self.faults):
            by_service.setdefault(method.service, {})[method.name] = grpc.unary_unary_rpc_method_handler(
                self._answer(method), method.deserialize, method.serialize
            )
        self._server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(service, found) for service, found in by_service.items())
        )
        credentials = grpc.ssl_server_credentials([(certificates.key, certificates.certificate)])
        port = self._server.add_secure_port(f"127.0.0.1:{self._port}", credentials)
        self._server.start()
        self.endpoint = f"localhost:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop(grace=0.5).wait()
        self.cloud.close()
        with closing(self._engine):
            self._remove_containers()
        self._folder.cleanup()

    @property
    def options(self) -> dict[str, Any]:
        """A host's ``config`` that leads here."""
        return {
            "project": self.project,
            "region": self.region,
            "api_endpoint": self.endpoint,
            "logging_endpoint": self.endpoint,
            "credentials": "anonymous",
            "ca_file": str(self.authority_file),
            # Output is here as soon as it is written.
            "quiet_seconds": 0.5,
        }

    def key_file(self, account: Account) -> Path:
        """A key file of an account, to be given as ``credentials``."""
        path = Path(self._folder.name) / f"{account.key_id}.json"
        path.write_text(json.dumps(account.key_file(self.project)))
        return path

    def counted(self) -> Counter[str]:
        """The calls since the last time."""
        with self._counting:
            counted, self.calls = self.calls, Counter()
            return counted

    def _answer(self, method: Method) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._counting:
                self.calls[method.name] += 1
            try:
                resource = str(getattr(request, "name", "") or getattr(request, "parent", "") or self.project)
                self._accounts.require(dict(context.invocation_metadata()), method.permission, resource)
                self.faults.before(method.name)
                response = method.call(request)
                self.faults.after(method.name)
                return response
            except Refusal as refusal:
                return context.abort(refusal.code, refusal.message)

        return answer

    def _remove_containers(self) -> None:
        label = f"{SERVER_LABEL}={self.cloud.server}"
        for container in self._engine.api.containers(all=True, filters={"label": label}):
            with suppress(NotFound):
                self._engine.api.remove_container(container["Id"], force=True, v=True)
