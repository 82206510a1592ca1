"""The started programs: the local cloud, and a job that the command line runs on it."""

import os
import signal
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

from container_manager_cloudrun import CloudRunOptions
from container_manager_cloudrun.executor import CloudRunExecutor
from container_manager_core.executor import ExecutorContext
from container_manager_core.structuring import structure
from support.engine import Engine


def test_a_job_runs_on_the_local_cloud_that_one_command_starts(engine: Engine, tmp_path: Path, prepare: object) -> None:
    """It prints the host to configure, and stops cleanly, its containers with it."""
    path = tmp_path / "container-manager.toml"
    words = [sys.executable, "-m", "local_clouds.cloudrun", "--engine", engine.base_url, "--page-size", "3"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        printed = "".join(server.stdout.readline() for _ in range(3))
        path.write_text(f'store = "sqlite:///jobs.sqlite3"\n[worker]\npoll_interval_seconds = 0.2\n{printed}')
        command = ["run", "--host", "local-cloudrun", engine.image, "--", "sh", "-c", "echo out; echo err >&2; exit 7"]
        done = subprocess.run(
            [sys.executable, "-m", "container_manager_core", *command],
            capture_output=True,
            text=True,
            env={**os.environ, "CONTAINER_MANAGER_CONFIG": str(path)},
        )
        left_running = _launch(printed, prepare)
        server.send_signal(signal.SIGTERM)
        errors = server.stderr.read()
        assert server.wait(60) == 0, errors
    assert (done.returncode, done.stdout, "err\n" in done.stderr) == (7, "out\n", True), done.stderr
    assert "Traceback" not in errors
    with closing(engine.client()) as client:
        assert not client.containers.list(all=True, filters={"name": left_running})


def _launch(printed: str, prepare: object) -> str:
    """Start something that goes on; the container's name."""
    config = tomllib.loads(printed)["hosts"]["local-cloudrun"]["config"]
    context = ExecutorContext(host="tests", installation_id="tests")
    with closing(CloudRunExecutor(structure(config, CloudRunOptions, "printed"), context)) as executor:
        assert callable(prepare)
        return executor.launch_job(prepare("sleep", "600")).execution_id.rpartition("/")[2]
