"""A job moved from Docker to Cloud Run by changing only its host is the same job."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_clouds.cloudrun import LocalCloudRun

from container_manager_core import Config, ContainerManager, ContainerSpec
from support.engine import Engine

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
poll_interval_seconds = 0.2
[hosts.docker]
executor = "docker"
config = {{ base_url = "{base_url}" }}
[hosts.cloud]
executor = "cloudrun"
[hosts.cloud.config]
{config}
log_reads_per_minute = 100000
"""


@pytest.fixture(scope="module")
def manager(
    engine: Engine, cloud: LocalCloudRun, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ContainerManager]:
    path = Path(tmp_path_factory.mktemp("moving")) / "container-manager.toml"
    config = "\n".join(f"{key} = {json.dumps(value)}" for key, value in cloud.options.items())
    path.write_text(CONFIGURATION.format(base_url=engine.base_url, config=config))
    with ContainerManager(Config.load(path)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        (("sh", "-c", "echo out $NAME; echo err >&2"), {"environment": {"NAME": "a b"}}),
        (("sh", "-c", "echo out; exit 3"), {}),
        (("sh", "-c", "echo out; exit 137"), {}),
        (("sh", "-c", "echo out; sleep 600"), {"timeout_seconds": 2.0, "stop_grace_seconds": 0.0}),
        (("/there/is/no/such-command",), {}),
        (("-c", "pwd"), {"entrypoint": ("sh",), "working_directory": "/tmp"}),
        (("echo", "without an entrypoint"), {"entrypoint": ()}),
    ],
    ids=["success", "failure", "code 137", "timeout", "no command", "entrypoint", "no entrypoint"],
)
def test_a_job_ends_the_same_on_docker_and_on_cloud_run(
    engine: Engine, manager: ContainerManager, command: tuple[str, ...], spec: dict[str, Any]
) -> None:
    ends = []
    for host in ("docker", "cloud"):
        job = manager.run(ContainerSpec(image=engine.image, command=command, **spec), host=host)
        output = manager.logs(job.id)
        kind = job.failure.kind if job.failure else None
        # A command that is stopped for its time has no code of its own.
        code = None if spec.get("timeout_seconds") else job.exit_code
        ends.append((output.stdout, output.stderr, job.status, code, kind))
    assert ends[0] == ends[1]


def test_what_a_run_cost_and_where_it_ran_is_recorded(engine: Engine, manager: ContainerManager) -> None:
    job = manager.run(ContainerSpec(image=engine.image, command=("true",)), host="cloud")
    assert job.execution is not None
    assert set(job.execution.metadata) == {"job_name", "execution_name", "region", "project", "generation"}
    assert job.actual_cost is not None
    assert job.actual_cost > 0
