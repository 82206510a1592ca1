"""A secret on the platform of the `process` executor: only the command's own output holds it, until cleanup."""

from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, WorkerSettings

SECRET = "a secret that stands nowhere else"


@pytest.mark.parametrize("immediate_cleanup", [True, False])
def test_only_the_platform_s_copy_of_the_output_holds_a_secret(tmp_path: Path, immediate_cleanup: bool) -> None:
    """The command prints it in two pieces; what it printed is the platform's until it is cleaned up."""
    config = Config(
        store=f"sqlite:///{tmp_path}/jobs.sqlite3",
        key_file=tmp_path / "key",
        worker=WorkerSettings(immediate_cleanup=immediate_cleanup),
        hosts={"here": Host(name="here", executor="process", config={"state_folder": str(tmp_path / "state")})},
    )
    script = 'printf "%.9s" "$TOKEN"; sleep 0.3; printf %s "${TOKEN#?????????}"; echo "in $TOKEN" >&2; exit 3'
    spec = ContainerSpec(image="none", command=("sh", "-c", script), secrets={"TOKEN": SECRET})
    with ContainerManager(config) as manager:
        job = manager.run(spec, host="here")
        output = manager.logs(job.id)
        assert (job.exit_code, output.stdout, output.stderr) == (3, b"***", b"in ***\n")
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
    holding = {file.name for file in files if file.exists() and SECRET.encode() in file.read_bytes()}
    assert {"jobs.sqlite3", "key"} <= {file.name for file in files}
    assert holding == (set() if immediate_cleanup else {"stdout", "stderr"})
