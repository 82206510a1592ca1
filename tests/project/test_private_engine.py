"""The engine and the registry that other tests run on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from support.engine import VARIABLE, Engine, open_engine
from support.private_engine import PrivateEngine
from support.registry import Registry
from support.unavailable import ServiceUnavailable


@pytest.fixture
def client(private_engine: PrivateEngine) -> Iterator[docker.DockerClient]:
    with closing(private_engine.client()) as client:
        yield client


def test_the_image_has_a_shell_and_its_tools(engine: Engine) -> None:
    with closing(engine.client()) as client:
        output = client.containers.run(engine.image, ["sh", "-c", "id -u; echo $((1 + 1)) | cat"], remove=True)
    assert output == b"0\n2\n"


def test_a_killed_engine_starts_again_with_its_containers(
    private_engine: PrivateEngine, client: docker.DockerClient
) -> None:
    container = client.containers.run(private_engine.image, ["sleep", "600"], detach=True)
    before = private_engine.pid
    private_engine.kill()
    assert private_engine.pid is None
    private_engine.start()
    assert private_engine.pid not in (None, before)
    container.reload()
    assert container.status == "exited"


def test_nothing_is_left_of_an_engine_whose_owner_was_killed() -> None:
    """Neither its processes nor its folder, its container or the bridge of a network."""
    code = """
import os, signal
from contextlib import closing
from support.private_engine import PrivateEngine
engine = PrivateEngine()
engine.start()
with closing(engine.client()) as client:
    network = client.networks.create("left-behind")
    container = client.containers.run(engine.image, ["sleep", "600"], detach=True, network="left-behind")
    container.reload()
    print(engine.folder, engine.pid, container.attrs["State"]["Pid"], f"br-{network.id[:12]}", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    folder, engine_pid, container_pid, bridge = killed.stdout.split()
    places = [Path(folder), Path(f"/sys/class/net/{bridge}")]
    deadline = time.monotonic() + 30
    while any(place.exists() for place in places) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [place for place in places if place.exists()]
    assert not [pid for pid in (engine_pid, container_pid) if _command_line(pid)]


def _command_line(pid: str) -> bytes:
    """Of a process that runs; empty for one that has ended, even if nobody has asked for its exit status."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""


def test_a_docker_host_that_does_not_answer_is_an_error_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ServiceUnavailable, match=r"DOCKER_HOST=unix://.*nobody.sock; start it, or unset DOCKER_HOST"):
        open_engine().__enter__()


def test_the_registry_serves_the_image_to_the_engine(engine: Engine, registry: Registry) -> None:
    with closing(engine.client()) as client:
        client.images.pull(registry.image)
        client.images.remove(registry.image)


def test_the_password_registry_asks_for_its_password(engine: Engine, password_registry: Registry) -> None:
    credentials = {"username": password_registry.username, "password": password_registry.password}
    with closing(engine.client()) as client:
        with pytest.raises(docker.errors.APIError, match="no basic auth credentials"):
            client.images.pull(password_registry.image)
        client.images.pull(password_registry.image, auth_config=credentials)
        client.images.remove(password_registry.image)
