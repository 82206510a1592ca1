"""A secret is nowhere but in its container: not in the store, a log line, a message, a table or harvested output."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager, ContainerSpec, Job, JobStatus, RetryPolicy
from container_manager_core.doctor import diagnose
from container_manager_core.facts import job_facts
from support.engine import Engine
from support.workers import Workers

CLEAR, FROM_ENVIRONMENT, FROM_FILE = "clear-3f9c-correct-horse", "environment-77aa-battery", "file-b01d-staple"
VARIABLE = "CM_TEST_SECRET"
SCRIPT = """
printf '%s' "$(printf '%s' "$CLEAR" | cut -c1-9)"; sleep 0.4; printf '%s\\n' "$(printf '%s' "$CLEAR" | cut -c10-)"
echo "on stderr: $FROM_ENVIRONMENT and $FROM_FILE" >&2
echo "${#CLEAR} ${#FROM_ENVIRONMENT} ${#FROM_FILE}"
exit ${CODE:-0}
"""

CONFIGURATION = """
store = "sqlite:///jobs.sqlite3"
key_file = "secret.key"
[worker]
lease_seconds = 2
poll_interval_seconds = 0.5
[hosts.engine]
executor = "docker"
config = {{ base_url = "{base_url}" }}
"""


@pytest.fixture
def path(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, FROM_ENVIRONMENT)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "token").write_text(f"{FROM_FILE}\n")
    (tmp_path / "home").mkdir()
    configuration = tmp_path / "home" / "container-manager.toml"
    configuration.write_text(CONFIGURATION.format(base_url=engine.base_url))
    return configuration


def _spec(path: Path, image: str, **facts: object) -> ContainerSpec:
    secrets = {
        "CLEAR": CLEAR,
        "FROM_ENVIRONMENT": f"secret://env/{VARIABLE}",
        "FROM_FILE": f"secret://file/{path.parent.parent}/elsewhere/token",
    }
    command = facts.pop("command", ("sh", "-c", SCRIPT))
    return ContainerSpec(image=image, command=command, secrets=secrets, **facts)  # type: ignore[arg-type]


def _assert_nowhere(text: str | bytes, where: str) -> None:
    data = text.encode() if isinstance(text, str) else text
    for secret in (CLEAR, FROM_ENVIRONMENT, FROM_FILE):
        assert secret.encode() not in data, f"{secret} stands in {where}"


def _assert_in_no_file(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            _assert_nowhere(file.read_bytes(), str(file))


def _assert_masked(manager: ContainerManager, job: Job) -> None:
    output = manager.logs(job.id)
    lengths = " ".join(str(len(secret)) for secret in (CLEAR, FROM_ENVIRONMENT, FROM_FILE))
    assert output.stdout.decode() == f"***\n{lengths}\n", "the container had the secrets, the output has not"
    assert output.stderr.decode() == "on stderr: *** and ***\n"


def test_no_secret_stands_anywhere_in_success_failure_and_refusal(
    engine: Engine, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []
    with ContainerManager(Config.load(path)) as manager:
        jobs = [
            manager.run(_spec(path, engine.image), on_output=lambda stream, data: seen.append(data)),
            manager.run(
                _spec(path, engine.image, environment={"CODE": "3"}, retry=RetryPolicy(max_attempts=2, jitter=0))
            ),
            manager.run(_spec(path, "container-manager/nothing:1", pull="never")),
            manager.run(_spec(path, engine.image, command=("no-such-command",))),
        ]
        assert [job.status for job in jobs] == [JobStatus.COMPLETED, *[JobStatus.FAILED] * 3]
        assert jobs[1].attempt == 2
        _assert_masked(manager, jobs[0])
        _assert_masked(manager, jobs[1])
        _assert_nowhere(b"".join(seen), "the live output")
        for job in jobs:
            facts = job_facts(job, manager.executions(job.id))
            _assert_nowhere(json.dumps(facts, default=str) + repr(job) + str(job.failure), "what is told of a job")
        _assert_nowhere(repr(diagnose(manager)), "the doctor's findings")
        _assert_in_no_file(path.parent)
    _assert_nowhere(caplog.text + "".join(map(repr, caplog.records)), "the log")
    _assert_in_no_file(path.parent)


def test_no_secret_stands_anywhere_after_a_worker_was_killed(engine: Engine, path: Path) -> None:
    with (
        ContainerManager(Config.load(path)) as manager,
        Workers(path, path.parent / "workers.log") as workers,
    ):
        job_id = manager.submit(_spec(path, engine.image, command=("sh", "-c", f"sleep 2; {SCRIPT}"))).id
        first = workers.start("--log-level", "debug")
        deadline = time.monotonic() + 20
        while manager.get(job_id).status is not JobStatus.RUNNING and time.monotonic() < deadline:
            time.sleep(0.05)
        workers.kill(first)
        workers.start("--log-level", "debug")
        job = manager.wait(job_id, 40)
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        _assert_masked(manager, job)
        _assert_in_no_file(path.parent)


def test_no_command_prints_a_secret(engine: Engine, path: Path) -> None:
    """But for the line on which the user writes one."""
    options = [f"--secret=CLEAR={CLEAR}", f"--secret=FROM_ENVIRONMENT=secret://env/{VARIABLE}"]
    commands = [
        ["run", *options, engine.image, "--", "sh", "-c", "echo $CLEAR; echo $FROM_ENVIRONMENT >&2; exit 1"],
        ["run", "--json", *options, engine.image, "--", "sh", "-c", "echo $CLEAR"],
        ["run", *options, "--memory", "-1", engine.image],
        ["list", "--json"],
        ["show", "LATEST"],
        ["show", "LATEST", "--json"],
        ["logs", "LATEST"],
        ["hosts", "--check", "--json"],
        ["doctor", "--json"],
    ]
    latest = ""
    for arguments in commands:
        words = [latest if word == "LATEST" else word for word in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "container_manager_core", *words],
            env={**os.environ, "CONTAINER_MANAGER_CONFIG": str(path)},
            capture_output=True,
        )
        _assert_nowhere(done.stdout + done.stderr, " ".join(words[:2]))
        assert done.returncode in (0, 1, 2)
        if arguments == ["list", "--json"]:
            jobs = json.loads(done.stdout)
            assert len(jobs) == 2
            latest = jobs[0]["id"]
            assert jobs[0]["secrets"] == {"CLEAR": "***", "FROM_ENVIRONMENT": "***"}
    _assert_in_no_file(path.parent)
