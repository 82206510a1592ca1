"""A real registry for images, on a free loopback port, with or without a password."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs
import bcrypt
import requests

from support import servers
from support.engine import Engine
from support.unavailable import ServiceUnavailable

_START_SECONDS = 30.0
_CONFIGURATION = """\
version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
"""
_PASSWORD_CONFIGURATION = """\
auth:
  htpasswd: {{realm: tests, path: {folder}/htpasswd}}
"""


@attrs.frozen(kw_only=True)
class Registry:
    """A registry that answers, with the test image in it.

    Attributes:
        address: ``host:port``; the engine takes it without TLS because it is loopback.
        image: the test image's name in it.
        username, password: its credentials; empty where it asks for none.
    """

    address: str
    image: str
    username: str = ""
    password: str = ""


@contextmanager
def open_registry(engine: Engine, *, username: str = "", password: str = "") -> Iterator[Registry]:
    """A registry for the time of the block, with the engine's test image pushed.

    Raises:
        ServiceUnavailable: there is no ``docker-registry`` here and it cannot be installed, or it does not come up.
    """
    program = servers.program("docker-registry", "docker-registry")
    address = f"127.0.0.1:{servers.free_port()}"
    registry = Registry(
        address=address, image=f"{address}/container-manager/test:busybox", username=username, password=password
    )
    with tempfile.TemporaryDirectory(prefix="cm-registry-") as folder:
        process = _start(program, registry, Path(folder))
        try:
            _wait_until_it_answers(registry, process, Path(folder))
            _push(engine, registry)
            yield registry
        finally:
            process.terminate()
            process.wait()


def _start(program: str, registry: Registry, folder: Path) -> "subprocess.Popen[bytes]":
    configuration = _CONFIGURATION.format(folder=folder, address=registry.address)
    if registry.username:
        configuration += _PASSWORD_CONFIGURATION.format(folder=folder)
        hashed = bcrypt.hashpw(registry.password.encode(), bcrypt.gensalt(rounds=5)).decode()
        (folder / "htpasswd").write_text(f"{registry.username}:{hashed}\n")
    (folder / "config.yml").write_text(configuration)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [program, "serve", f"{folder}/config.yml"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_it_answers(registry: Registry, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            requests.get(f"http://{registry.address}/v2/", timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    log = "\n".join((folder / "log").read_text(errors="replace").splitlines()[-10:])
    raise ServiceUnavailable(f"the registry does not come up at {registry.address}; its log ends:\n{log}")


def _push(engine: Engine, registry: Registry) -> None:
    credentials = {"username": registry.username, "password": registry.password} if registry.username else None
    with closing(engine.client()) as client:
        client.images.get(engine.image).tag(registry.image)
        for line in client.images.push(registry.image, auth_config=credentials, stream=True, decode=True):
            if "error" in line:
                raise ServiceUnavailable(
                    f"the engine at {engine.base_url} cannot push to the registry at {registry.address} "
                    f"({line['error']}); the two must be on one machine: set CONTAINER_MANAGER_TEST_ENGINE=private"
                )
        client.images.remove(registry.image)
