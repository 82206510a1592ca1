"""A job that is moved from Docker to Fargate, by its host alone, ends in the same way."""

from pathlib import Path
from typing import Any

import pytest
from local_clouds.fargate import LocalFargate

from container_manager_core import Config, ContainerManager, ContainerSpec, Job, Resources
from support.engine import Engine
from support.fargate import ROLE

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
[worker]
poll_interval_seconds = 0.2
[hosts.docker]
executor = "docker"
config = {{ base_url = "{engine}" }}
[hosts.fargate]
executor = "fargate"
[hosts.fargate.config]
endpoint_url = "{url}"
region = "{region}"
subnets = ["subnet-1"]
execution_role_arn = "{role}"
log_settle_seconds = 0.1
"""


@pytest.fixture
def manager(engine: Engine, cloud: LocalFargate, tmp_path: Path) -> Any:
    path = tmp_path / "container-manager.toml"
    path.write_text(CONFIGURATION.format(engine=engine.base_url, url=cloud.url, region=cloud.region, role=ROLE))
    with ContainerManager(Config.load(path)) as opened:
        yield opened


def ending(manager: ContainerManager, job: Job) -> tuple[Any, ...]:
    kind = job.failure.kind if job.failure else None
    return job.status, job.exit_code, kind, manager.logs(job.id).stdout


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        (("sh", "-c", 'echo "hello $WHO"; pwd'), {"environment": {"WHO": "world"}, "working_directory": "/tmp"}),
        (("sh", "-c", "echo out; exit 7"), {}),
        (("sh", "-c", "exec tail /dev/zero"), {"resources": Resources(memory_mib=512, cpus=0.25)}),
        (("/there/is/no/such-command",), {}),
        (("sh", "-c", "echo begun; sleep 60 & wait $!"), {"timeout_seconds": 2.0, "stop_grace_seconds": 2.0}),
    ],
    ids=["success", "exit", "out-of-memory", "no-command", "timeout"],
)
def test_a_moved_job_gives_the_same(
    engine: Engine, manager: ContainerManager, command: tuple[str, ...], spec: dict[str, Any]
) -> None:
    wanted = ContainerSpec(image=engine.image, command=command, **spec)
    here, there = (ending(manager, manager.run(wanted, host=host)) for host in ("docker", "fargate"))
    assert there == here
