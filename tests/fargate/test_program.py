"""``local-fargate`` as a user starts it."""

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from support.engine import Engine


def test_a_job_runs_with_the_configuration_that_the_program_prints(engine: Engine, tmp_path: Path) -> None:
    """At the end the program stops by itself and leaves no container behind."""
    surroundings = os.environ | {"DOCKER_HOST": engine.base_url, "HOME": str(tmp_path)}
    cloud = subprocess.Popen(
        [sys.executable, "-m", "local_clouds.fargate", "--port", "0", "--seed", "3", "--throttled", "0.1"],
        stdout=subprocess.PIPE,
        env=surroundings,
        text=True,
    )
    try:
        assert cloud.stdout is not None
        printed = list(iter(cloud.stdout.readline, "# and in the shell:\n"))
        exports = cloud.stdout.readline().removeprefix("# export ").split()
        (tmp_path / "container-manager.toml").write_text("".join(printed))
        arguments = ["run", "--host", "local-fargate", engine.image, "--", "sh", "-c", "echo hello; exit 3"]
        done = subprocess.run(
            [sys.executable, "-m", "container_manager_core", *arguments],
            env=surroundings | dict(pair.split("=") for pair in exports),
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (3, "hello\n"), done.stderr
    finally:
        cloud.send_signal(signal.SIGTERM)
        with cloud:
            assert cloud.wait(60) == 0
    with closing(engine.client()) as client:
        label = f"local-clouds=fargate-{re.findall(r'127.0.0.1:([0-9]+)', ''.join(printed))[0]}"
        assert client.containers.list(all=True, filters={"label": label}) == []
