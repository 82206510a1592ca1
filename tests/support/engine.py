"""The Docker engine that tests and the demo run on: the one that answers, or a private one."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import docker

from support.image import add_test_image
from support.private_engine import PrivateEngine, answers
from support.unavailable import ServiceUnavailable

VARIABLE = "CONTAINER_MANAGER_TEST_ENGINE"
"""Set to ``private`` to have a private engine even where another one answers."""


class Engine(Protocol):
    """A Docker engine that answers, with the test image in it.

    Attributes:
        base_url: where it listens, as the docker SDK writes it.
        image: name of the test image: busybox with every applet.
        is_private: whether nothing else uses it.
    """

    base_url: str
    image: str
    is_private: bool

    def client(self) -> docker.DockerClient:
        """A new client; the caller closes it."""
        ...


class FoundEngine:
    """An engine that somebody else runs. Other things may run on it: touch only what is yours."""

    is_private = False

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        with closing(self.client()) as client:
            self.image = add_test_image(client)

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.base_url, timeout=60)


@contextmanager
def open_engine(*, private: bool = False) -> Iterator[Engine]:
    """An engine for the time of the block: the one that answers, else a private one.

    Looked for are DOCKER_HOST, else the local socket. A DOCKER_HOST that is set and does not answer
    is an error: whoever set it means that engine.

    Args:
        private: start a private one even where another one answers.

    Raises:
        ServiceUnavailable: neither can be had; the message says the remedy.
    """
    wants_private = private or os.environ.get(VARIABLE) == "private"
    base_url = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not wants_private and answers(base_url):
        yield FoundEngine(base_url)
        return
    if not wants_private and os.environ.get("DOCKER_HOST"):
        raise ServiceUnavailable(
            f"no Docker engine answers at DOCKER_HOST={base_url}; start it, or unset DOCKER_HOST, "
            f"or set {VARIABLE}=private for one of the tests' own"
        )
    with PrivateEngine() as engine:
        yield engine
