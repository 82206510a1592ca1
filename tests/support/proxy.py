"""A proxy between a worker and an engine, on which connections fail as networks make them fail."""

import random
import re
import socket
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_REQUEST_LINE = re.compile(rb"^(GET|POST|PUT|DELETE|HEAD) (\S+) HTTP/1\.1\r$", re.MULTILINE)
_VERSION_AND_QUERY = re.compile(r"/v[0-9.]+(?=/)|\?.*")
_ID = re.compile(r"(?<=^/containers/)[^/]+(?=/|$)")
_LONGEST_DELAY_SECONDS = 0.5

FAULTS = ("drop", "cut", "delay")
"""Drop: the request never arrives. Cut: it arrives, and the connection ends before its answer. Delay: it is late."""


class FaultyProxy:
    """Passes bytes between workers and an engine, on a socket of its own, and lets some requests fail.

    Args:
        target: the engine's address.
        rates: by kind of request, as ``kind`` names it, the share of requests that fail; the kind ``*`` for all others.
        seed: of the choice which request fails, and how.

    Attributes:
        base_url: where it listens.
        struck: how often each fault struck each kind of request.
    """

    def __init__(self, target: str, rates: dict[str, float], seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cm-proxy-", dir="/tmp")
        self.base_url = f"unix://{self._folder.name}/proxy.sock"
        self.struck: Counter[tuple[str, str]] = Counter()
        self._rates = rates
        # One for each kind of request, so that what befalls one kind does not hang on how many others there are.
        self._chances: dict[str, random.Random] = {}
        self._seed = seed
        self._choosing = threading.Lock()
        self._target = urlsplit(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self._folder.name) / "proxy.sock"))
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self._folder.cleanup()

    def calm(self) -> None:
        """From now on nothing fails."""
        with self._choosing:
            self._rates = {}

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            _Link(self, client, self._connect()).start()

    def _connect(self) -> socket.socket:
        if self._target.scheme == "unix":
            endpoint = socket.socket(socket.AF_UNIX)
            endpoint.connect(self._target.path)
            return endpoint
        return socket.create_connection((self._target.hostname or "", self._target.port or 2375))

    def fault(self, request: str) -> tuple[str, float] | None:
        """What happens to a request, and after how many seconds; None for most."""
        with self._choosing:
            chance = self._chances.setdefault(request, random.Random(f"{self._seed} {request}"))
            if chance.random() >= self._rates.get(request, self._rates.get("*", 0.0)):
                return None
            name = chance.choice(FAULTS)
            self.struck[request, name] += 1
            return name, chance.uniform(0, _LONGEST_DELAY_SECONDS)


class _Link:
    """One connection of a client, and the one to the engine that belongs to it."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket, engine: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._engine = engine
        self._is_cut = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._pass_requests, daemon=True).start()
        threading.Thread(target=self._pass_answers, daemon=True).start()

    def _pass_requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(65536):
                found = _REQUEST_LINE.search(data)
                fault = self._proxy.fault(kind(found)) if found else None
                if fault is not None and not self._suffer(*fault):
                    break
                self._engine.sendall(data)
        if not self._is_cut.is_set():
            with suppress(OSError):
                self._engine.shutdown(socket.SHUT_RDWR)

    def _suffer(self, fault: str, seconds: float) -> bool:
        """Let a fault strike; whether the request goes on to the engine."""
        if fault == "delay":
            time.sleep(seconds)
        elif fault == "cut":
            self._is_cut.set()
        else:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        return fault != "drop"

    def _pass_answers(self) -> None:
        with suppress(OSError):
            # Where it is cut, the first bytes of an answer say that the engine has done what it was asked.
            while (data := self._engine.recv(65536)) and not self._is_cut.is_set():
                self._client.sendall(data)
        for endpoint in (self._client, self._engine):
            with suppress(OSError):
                endpoint.shutdown(socket.SHUT_RDWR)
        self._client.close()
        self._engine.close()


def kind(request_line: re.Match[bytes]) -> str:
    """A request without what differs from job to job: ``POST /containers/ID/start``."""
    path = _ID.sub(lambda found: found[0] if found[0] in ("create", "json") else "ID", _path(request_line[2]))
    return f"{request_line[1].decode()} {path}"


def _path(target: bytes) -> str:
    return _VERSION_AND_QUERY.sub("", target.decode())
