"""What the process executor promises beyond the contract: a worker's death, and a supervisor's, do no harm."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from container_manager_core.errors import PermanentError
from container_manager_core.executor import ExecutionRequest, ExecutionStatus, ExecutorContext, Launch
from container_manager_core.executors.process import ProcessOptions
from container_manager_core.executors.process.command import Command
from container_manager_core.executors.process.executor import ProcessExecutor
from container_manager_core.executors.process.launch import start_supervisor
from container_manager_core.executors.process.supervisor import start_time
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec

PATIENCE_SECONDS = 20
WORKER = """
import sys
from uuid import UUID
from container_manager_core.executor import ExecutionRequest, ExecutorContext
from container_manager_core.executors.process import ProcessOptions
from container_manager_core.executors.process.executor import ProcessExecutor
from container_manager_core.spec import ContainerSpec

folder, job, script = sys.argv[1:]
executor = ProcessExecutor(ProcessOptions(state_folder=folder), ExecutorContext(host="test", installation_id="ours"))
request = ExecutionRequest(
    job_id=UUID(job),
    attempt=1,
    name=f"cm-{job}-1",
    spec=ContainerSpec(image="none", command=("sh", "-c", script)),
    installation_id="ours",
)
sys.stdin.readline()
print(executor.launch_job(request).execution_id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[ProcessExecutor]:
    context = ExecutorContext(host="test", installation_id="ours")
    executor = ProcessExecutor(ProcessOptions(state_folder=str(tmp_path)), context)
    yield executor
    for owned in executor.list_owned():
        executor.cleanup(owned.execution_id)


def request_for(*command: str, job_id: Any = None, secrets: Any = None, **spec: Any) -> ExecutionRequest:
    job_id = job_id or uuid4()
    return ExecutionRequest(
        job_id=job_id,
        attempt=1,
        name=f"cm-{job_id}-1",
        spec=ContainerSpec(image="none", command=command, **spec),
        secrets=secrets or {},
        installation_id="ours",
    )


def start_worker(folder: Path, job: str, script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), job, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_end(executor: ProcessExecutor, execution_id: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state = executor.check_status(execution_id)
        if state.has_ended:
            return state
        time.sleep(0.02)
    raise AssertionError(f"{execution_id} has not ended after {PATIENCE_SECONDS} s")


def run(executor: ProcessExecutor, request: ExecutionRequest) -> Any:
    return wait_for_end(executor, executor.launch_job(request).execution_id)


def wait_for_output(executor: ProcessExecutor, execution_id: str, wanted: bytes) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while executor.get_logs(execution_id).stdout != wanted:
        assert time.monotonic() < deadline, f"{wanted!r} did not come within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_running(pid: int) -> bool:
    """Whether there is such a process that is no zombie."""
    return start_time(pid) != "0"


def wait_until_gone(pid: int) -> None:
    """It has got its signal; the system takes a moment to end it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def process_of(launch: Launch) -> int:
    return int(launch.metadata["process_id"])


def test_a_killed_worker_loses_nothing(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Kill -9 of the worker's whole process group, and of its session's leader, leaves the command alone."""
    script = f"echo before; until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo after; exit 3"
    with start_worker(tmp_path, str(uuid4()), script) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
        execution_id = worker.stdout.readline().strip()
        os.killpg(worker.pid, signal.SIGKILL)
    assert executor.check_status(execution_id).status is ExecutionStatus.RUNNING
    (tmp_path / "go").touch()
    state = wait_for_end(executor, execution_id)
    assert (state.status, state.exit_code) == (ExecutionStatus.EXITED, 3)
    assert executor.get_logs(execution_id).stdout == b"before\nafter\n"


def test_workers_in_many_processes_start_once(executor: ProcessExecutor, tmp_path: Path) -> None:
    job = uuid4()
    workers = [start_worker(tmp_path, str(job), "echo started; sleep 0.3") for _ in range(5)]
    time.sleep(1.0)
    answers = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        answers.append(worker.communicate("stop\n", timeout=PATIENCE_SECONDS)[0].strip())
    assert answers == [f"cm-{job}-1"] * 5
    wait_for_end(executor, f"cm-{job}-1")
    assert executor.get_logs(f"cm-{job}-1").stdout == b"started\n"


def test_without_its_supervisor_a_command_runs_on_and_is_lost_at_its_end(executor: ProcessExecutor) -> None:
    """While it runs it counts as running, because otherwise a retry would run beside it."""
    launch = executor.launch_job(request_for("sh", "-c", "echo out; sleep 60"))
    supervisor = parent_of(process_of(launch))
    os.kill(supervisor, signal.SIGKILL)
    wait_until_gone(supervisor)
    wait_for_output(executor, launch.execution_id, b"out\n")
    assert executor.check_status(launch.execution_id).status is ExecutionStatus.RUNNING
    os.kill(process_of(launch), signal.SIGKILL)
    state = wait_for_end(executor, launch.execution_id)
    assert state.status is ExecutionStatus.FAILED
    assert state.failure.kind is FailureKind.LOST
    assert executor.get_logs(launch.execution_id).stdout == b"out\n"


def test_cleaning_up_what_was_lost_ends_its_children(executor: ProcessExecutor) -> None:
    launch = executor.launch_job(request_for("sh", "-c", "sleep 60 & echo $!; wait"))
    while not (child := executor.get_logs(launch.execution_id).stdout.strip()):
        time.sleep(0.02)
    os.kill(parent_of(process_of(launch)), signal.SIGKILL)
    os.kill(process_of(launch), signal.SIGKILL)
    wait_for_end(executor, launch.execution_id)
    assert is_running(int(child))
    executor.cleanup(launch.execution_id)
    wait_until_gone(int(child))


def test_a_command_without_its_supervisor_can_be_cancelled_and_cleaned_up(executor: ProcessExecutor) -> None:
    request = request_for("sh", "-c", "sleep 60")
    launch = executor.launch_job(request)
    os.kill(parent_of(process_of(launch)), signal.SIGKILL)
    executor.cancel(launch.execution_id, 2.0)
    assert executor.check_status(launch.execution_id).has_ended
    assert not is_running(process_of(launch))
    executor.cleanup(launch.execution_id)
    assert executor.find_execution(request) is None


def test_a_supervisor_that_comes_late_starts_nothing(executor: ProcessExecutor, tmp_path: Path) -> None:
    """A worker may stall between its look at the folder and the start of a supervisor."""
    request = request_for("sh", "-c", "echo started")
    launch = executor.launch_job(request)
    wait_for_end(executor, launch.execution_id)
    text = b"\0".join([b"9", str(tmp_path / "end").encode(), b"work", b"0", b"0", b"0", b"2", b"echo", b"late", b"A=1"])
    folder = Path(launch.metadata["folder"])
    assert start_supervisor(folder, text + b"\0", 10) == "known"
    executor.cleanup(launch.execution_id)
    assert start_supervisor(folder, text + b"\0", 10) == "gone"
    assert not (tmp_path / "end").exists()


def test_a_request_that_was_cut_off_starts_nothing(executor: ProcessExecutor, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert start_supervisor(tmp_path / "folder", b"9\0only\0a part", 10) == "broken"
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_prepared_folder_without_a_supervisor_is_no_execution(executor: ProcessExecutor, tmp_path: Path) -> None:
    """What a worker leaves that dies between making the folder and starting the supervisor; it can be launched."""
    request = request_for("sh", "-c", "echo started")
    folder = tmp_path / "ours" / "executions" / request.name
    (folder / "work").mkdir(parents=True)
    assert executor.find_execution(request) is None
    assert executor.check_status(request.name).status is ExecutionStatus.NOT_FOUND
    assert executor.list_owned() == []
    assert run(executor, request).exit_code == 0


def test_a_given_up_folder_is_listed_and_can_be_removed(executor: ProcessExecutor, tmp_path: Path) -> None:
    request = request_for("true")
    folder = tmp_path / "ours" / "executions" / request.name
    folder.mkdir(parents=True)
    os.utime(folder, (time.time() - 3600, time.time() - 3600))
    (owned,) = executor.list_owned()
    assert (owned.execution_id, owned.status) == (request.name, ExecutionStatus.NOT_FOUND)
    executor.cleanup(request.name)
    assert executor.list_owned() == []


def test_another_process_with_the_same_number_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        record = Command(pid=stranger.pid, start_time="1", started_at=0.0)
        assert not record.is_alive
        record.signal_group(signal.SIGKILL)
        time.sleep(0.1)
        assert stranger.poll() is None
        stranger.kill()


def test_a_signal_gives_128_plus_its_number(executor: ProcessExecutor) -> None:
    assert run(executor, request_for("sh", "-c", "kill -SEGV $$")).exit_code == 139


def test_memory_beyond_the_limit_cannot_be_had(executor: ProcessExecutor) -> None:
    hoard = "import sys\ntry:\n    bytearray(200_000_000)\nexcept MemoryError:\n    sys.exit(9)"
    limited = request_for(sys.executable, "-c", hoard, resources=Resources(memory_mib=64))
    assert run(executor, limited).exit_code == 9
    assert run(executor, request_for(sys.executable, "-c", hoard)).exit_code == 0


def test_the_workers_environment_stays_with_it(executor: ProcessExecutor) -> None:
    """PATH and the like are passed on; a test runner's own variable is not."""
    assert "PYTEST_CURRENT_TEST" in os.environ
    launch = executor.launch_job(request_for("env"))
    wait_for_end(executor, launch.execution_id)
    names = {line.partition("=")[0] for line in executor.get_logs(launch.execution_id).stdout.decode().splitlines()}
    assert "PATH" in names
    assert names <= {"PATH", "HOME", "LANG", "TZ", "TMPDIR"} | {name for name in names if name.startswith("LC_")}


def test_secrets_are_on_no_disk_and_no_command_line(executor: ProcessExecutor, tmp_path: Path) -> None:
    launch = executor.launch_job(request_for("sleep", "60", secrets={"TOKEN": "correct-horse-battery"}))
    supervisor = parent_of(process_of(launch))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    shown = [Path(f"/proc/{supervisor}/cmdline"), Path(f"/proc/{supervisor}/environ")]
    assert written
    assert [path for path in written + shown if b"correct-horse" in path.read_bytes()] == []
    executor.cleanup(launch.execution_id)


def test_what_a_command_leaves_behind_ends_with_it(executor: ProcessExecutor) -> None:
    launch = executor.launch_job(request_for("sh", "-c", "sleep 60 & echo $!"))
    wait_for_end(executor, launch.execution_id)
    pid = int(executor.get_logs(launch.execution_id).stdout)
    wait_until_gone(pid)


def test_no_zombie_is_left_to_the_worker(executor: ProcessExecutor) -> None:
    run(executor, request_for("true"))
    children = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and path.exists()]
    assert [pid for pid in children if _is_zombie_of(pid, os.getpid())] == []


def _is_zombie_of(pid: int, parent: int) -> bool:
    try:
        state, ppid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return state == "Z" and int(ppid) == parent


def test_a_working_directory_that_is_not_there_is_named(executor: ProcessExecutor) -> None:
    request = request_for("true", working_directory="/there/is/none")
    with pytest.raises(PermanentError, match="working_directory: '/there/is/none' cannot be entered") as caught:
        executor.launch_job(request)
    assert caught.value.kind is FailureKind.SPEC
    assert executor.find_execution(request) is None


def test_each_execution_has_a_folder_of_its_own(executor: ProcessExecutor) -> None:
    for _ in range(2):
        launch = executor.launch_job(request_for("sh", "-c", "ls; touch made"))
        wait_for_end(executor, launch.execution_id)
        assert executor.get_logs(launch.execution_id).stdout == b""


def test_a_spec_without_a_command_is_refused(executor: ProcessExecutor) -> None:
    (problem,) = executor.plan(ContainerSpec(image="alpine")).problems
    assert (problem.place, problem.remedy) == ("command", "give a command")


def test_a_plan_says_what_is_ignored(executor: ProcessExecutor) -> None:
    spec = ContainerSpec(image="alpine", command=("true",), resources=Resources(memory_mib=64, cpus=1, pids=9))
    notes = "\n".join(executor.plan(spec).notes)
    for word in ("the image alpine is ignored", "memory limit holds for", "CPU limit is ignored", "limit of processes"):
        assert word in notes


def test_a_strange_cursor_is_refused(executor: ProcessExecutor) -> None:
    with pytest.raises(PermanentError, match="'x' is no cursor"):
        executor.read_logs(f"cm-{uuid4()}-1", "x")
