"""A job that moves from Docker to Scaleway by changing its host alone ends the same way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_clouds.scaleway import Cloud

from container_manager_core import Config, ContainerManager, ContainerSpec
from support.engine import Engine

CONFIGURATION = """
store = "memory:"
[worker]
poll_interval_seconds = 0.2
[hosts.engine]
executor = "docker"
config = {{ base_url = "{engine}" }}
[hosts.cloud]
executor = "scaleway"
[hosts.cloud.config]
api_url = "{url}"
project_id = "{project_id}"
region = "{region}"
access_key = "{access_key}"
secret_key = "{secret_key}"
log_quiet_seconds = 0.2
"""


@pytest.fixture
def manager(engine: Engine, usual_cloud: Cloud, keys: dict[str, str], tmp_path: Path) -> Iterator[ContainerManager]:
    path, known = tmp_path / "container-manager.toml", usual_cloud.credentials
    path.write_text(
        CONFIGURATION.format(
            engine=engine.base_url, url=usual_cloud.url, project_id=known.project_id, region=known.region, **keys
        )
    )
    with ContainerManager(Config.load(path)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("script", "facts"),
    [
        ("echo one; echo two", {}),
        ("echo out; exit 3", {}),
        ("echo '$$' '$(PLAIN)' '$$(PLAIN)' \"$(echo inner)\" $(( 1 + 1 )) $PLAIN", {"environment": {"PLAIN": "p"}}),
        ("sleep 60", {"timeout_seconds": 1.0, "stop_grace_seconds": 0.0}),
        ("exec tail /dev/zero", {"resources": 128}),
        (None, {}),
    ],
    ids=["success", "exit", "dollars", "timeout", "out-of-memory", "no-command"],
)
def test_a_job_ends_alike_on_both(manager: ContainerManager, engine: Engine, script: str | None, facts: Any) -> None:
    """Output, exit code, status and failure kind."""
    from container_manager_core import Resources

    command = ("/there/is/none",) if script is None else ("sh", "-c", script)
    if "resources" in facts:
        facts = {"resources": Resources(memory_mib=facts["resources"])}
    spec = ContainerSpec(image=engine.image, command=command, **facts)
    ends = []
    for host in ("engine", "cloud"):
        job = manager.run(spec, host=host)
        assert job.host == host
        logs = manager.logs(job.id)
        kind = job.failure.kind if job.failure else None
        exit_code = None if script == "sleep 60" else job.exit_code
        ends.append((job.status, exit_code, kind, logs.stdout + logs.stderr))
    assert ends[0] == ends[1]


def test_what_it_cost_and_where_it_ran_is_kept(manager: ContainerManager, engine: Engine, usual_cloud: Cloud) -> None:
    job = manager.run(ContainerSpec(image=engine.image, command=("sleep", "1.5")), host="cloud")
    assert job.execution is not None
    assert job.execution.metadata.keys() == {"job_definition_id", "job_run_id", "region"}
    assert job.execution.metadata["job_run_id"] == job.execution.execution_id
    started, finished = job.execution.started_at, job.execution.finished_at
    assert started is not None
    assert finished is not None
    seconds = (finished - started).total_seconds()
    expected = seconds * (1.12 * 0.00001 + 2 * 0.000001)
    # A cost is kept in millionths.
    assert float(job.execution.cost or 0) == pytest.approx(expected, abs=1e-6)
