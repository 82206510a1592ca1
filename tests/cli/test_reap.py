"""`reap` on a real engine."""

from collections.abc import Iterator
from contextlib import closing

import docker
import pytest
from cli.conftest import CommandLine

from container_manager_core import Config, ContainerManager
from support.engine import Engine


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    with closing(engine.client()) as opened:
        yield opened


def _names(client: docker.DockerClient, installation_id: str) -> list[str]:
    label = f"container-manager.installation={installation_id}"
    return [container.name for container in client.containers.list(all=True, filters={"label": label})]


def test_what_nobody_needs_is_removed_and_another_installation_s_is_not(
    on_engine: CommandLine, engine: Engine, client: docker.DockerClient
) -> None:
    assert on_engine("run", engine.image, "--", "true").code == 0
    (job,) = on_engine.jobs()
    with ContainerManager(Config.load(on_engine.configuration)) as manager:
        ours = manager.store.installation_id()
    theirs = f"not-{ours}"
    for installation_id in (ours, theirs):
        labels = {
            "container-manager.installation": installation_id,
            "container-manager.job": job["id"],
            "container-manager.attempt": "0",
        }
        name = f"cm-{installation_id}-0"
        client.containers.run(engine.image, ["sleep", "60"], name=name, labels=labels, detach=True)
    try:
        would = on_engine("reap", "--dry-run")
        assert would.code == 0
        assert "double" in would.stdout
        assert "(would be removed)" in would.stdout
        assert _names(client, ours) == [f"cm-{ours}-0"]
        (finding,) = on_engine("reap", "--json").json
        assert (finding["kind"], finding["name"], finding["removed"]) == ("double", f"cm-{ours}-0", True)
        assert _names(client, ours) == []
        assert _names(client, theirs) == [f"cm-{theirs}-0"]
        assert "nothing is left over" in on_engine("reap").stdout
    finally:
        for installation_id in (ours, theirs):
            for name in _names(client, installation_id):
                client.containers.get(name).remove(force=True)


def test_a_host_that_cannot_be_asked_ends_1(command_line: CommandLine) -> None:
    text = 'store = "sqlite:///jobs.sqlite3"\n[hosts.dead]\nexecutor = "docker"\n'
    command_line.configuration.write_text(text + 'config = { base_url = "unix:///nowhere/docker.sock" }\n')
    ended = command_line("reap")
    assert ended.code == 1
    assert "unreachable" in ended.stdout
    assert "cannot be reached" in ended.stdout


def test_a_host_that_is_not_configured_is_a_mistake(command_line: CommandLine) -> None:
    ended = command_line("reap", "--host", "nowhere")
    assert ended.code == 2
    assert "no host is called 'nowhere'" in ended.stderr
