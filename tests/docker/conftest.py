"""Executors on the tests' engine, requests for them, and a proxy that watches and spoils what they say."""

import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import docker
import pytest

from container_manager_core.executor import ContainerExecutor, ExecutionState, ExecutorContext
from container_manager_docker import DockerOptions
from container_manager_docker.executor import DockerExecutor
from support.attempts import Attempts, wait_for_end
from support.engine import Engine

_REQUEST_LINE = re.compile(rb"^(GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)


class Proxy:
    """Passes bytes between executors and an engine on a socket of its own, and notes every request.

    Attributes:
        requests: ``METHOD path``, without the API's version and the query.
        lose_answer_to: a request whose text holds this reaches the engine; its answer is lost with the connection.
    """

    def __init__(self, target: str, folder: Path) -> None:
        self.base_url = f"unix://{folder}/proxy.sock"
        self.requests: list[str] = []
        self.lose_answer_to: str | None = None
        self._target = urlsplit(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "proxy.sock"))
        self._listener.listen(64)
        self._open: list[socket.socket] = []
        self._losing: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def counted(self) -> list[str]:
        """The requests since the last call."""
        noted, self.requests = self.requests, []
        return noted

    def cut(self) -> None:
        """Cut every connection."""
        for endpoint in self._open:
            with suppress(OSError):
                endpoint.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = self._connect()
            self._open += [client, engine]
            threading.Thread(target=self._requests, args=(client, engine), daemon=True).start()
            threading.Thread(target=self._answers, args=(engine, client), daemon=True).start()

    def _connect(self) -> socket.socket:
        if self._target.scheme == "unix":
            endpoint = socket.socket(socket.AF_UNIX)
            endpoint.connect(self._target.path)
            return endpoint
        return socket.create_connection((self._target.hostname or "", self._target.port or 2375))

    def _requests(self, client: socket.socket, engine: socket.socket) -> None:
        with client, engine, suppress(OSError):
            while data := client.recv(65536):
                lines = [f"{method.decode()} {path.decode()}" for method, path in _REQUEST_LINE.findall(data)]
                self.requests += [re.sub(r"/v[0-9.]+(?=/)|\?.*", "", line) for line in lines]
                if self.lose_answer_to is not None and any(self.lose_answer_to in line for line in lines):
                    self.lose_answer_to = None
                    self._losing.add(engine)
                engine.sendall(data)

    def _answers(self, engine: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while (data := engine.recv(65536)) and engine not in self._losing:
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


class MakeExecutor(Protocol):
    def __call__(self, **options: Any) -> DockerExecutor: ...


@pytest.fixture(scope="module")
def installation_id() -> str:
    return f"tests-{uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def client(engine: Engine, installation_id: str) -> Iterator[docker.DockerClient]:
    """The engine by another way; at the end, whatever the module left on it is removed."""
    with ExitStack() as stack:
        opened = engine.client()
        stack.callback(opened.close)
        yield opened
        label = f"container-manager.installation={installation_id}"
        for container in opened.containers.list(all=True, filters={"label": label}):
            container.remove(force=True, v=True)


@pytest.fixture
def make_executor(engine: Engine, client: docker.DockerClient, installation_id: str) -> Iterator[MakeExecutor]:
    """Makes executors, on the tests' engine unless told otherwise."""
    with ExitStack() as stack:

        def make(**options: Any) -> DockerExecutor:
            executor = DockerExecutor(
                DockerOptions(**{"base_url": engine.base_url, **options}),
                ExecutorContext(host="tests", installation_id=installation_id),
            )
            stack.callback(executor.close)
            return executor

        yield make


@pytest.fixture
def executor(make_executor: MakeExecutor) -> DockerExecutor:
    return make_executor()


@pytest.fixture
def proxy(engine: Engine) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="cm-proxy-", dir="/tmp") as folder:
        opened = Proxy(engine.base_url, Path(folder))
        yield opened
        opened.close()


@pytest.fixture
def prepare(engine: Engine, installation_id: str) -> Attempts:
    """Makes the request for an attempt."""
    return Attempts(engine.image, installation_id, stop_grace_seconds=1.0)


@pytest.fixture
def wait() -> Callable[[ContainerExecutor, str], ExecutionState]:
    """Waits for the end of an execution; gives its state."""
    return wait_for_end
