"""How an execution ended, what it used, and what the engine tells of it."""

import re
import threading
import time
from typing import Any

import attrs
import pytest

from container_manager_core.attachments import Mount, MountKind
from container_manager_core.errors import TransientError
from container_manager_core.executor import ExecutionStatus
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from container_manager_docker import events


def test_out_of_memory_is_told_apart(executor: Any, prepare: Any, wait: Any) -> None:
    for _ in range(5):
        request = prepare("tail", "/dev/zero", resources=Resources(memory_mib=16))
        state = wait(executor, executor.launch_job(request).execution_id)
        assert state.exit_code == 137
        assert state.failure is not None
        assert state.failure.kind is FailureKind.OUT_OF_MEMORY
        assert "out of memory" in state.failure.message
        assert "16 MiB" in state.failure.message
        assert not state.failure.retryable


def test_the_engine_s_events_tell_of_an_end_for_want_of_memory(executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("sh", "-c", "sleep 1; exec tail /dev/zero", resources=Resources(memory_mib=16))
    execution_id = executor.launch_job(request).execution_id
    finished_at = wait(executor, execution_id).finished_at.timestamp()
    ending = events.remembered_ending(executor._engine, execution_id, finished_at, 137)
    assert ending is events.Ending.OUT_OF_MEMORY


def test_exit_code_and_times(executor: Any, prepare: Any, wait: Any) -> None:
    state = wait(executor, executor.launch_job(prepare("sh", "-c", "sleep 1; exit 3")).execution_id)
    assert (state.exit_code, state.failure) == (3, None)
    assert state.started_at.utcoffset().total_seconds() == 0
    assert 0.9 < (state.finished_at - state.started_at).total_seconds() < 30


def test_the_list_tells_the_same_exit_codes(executor: Any, prepare: Any, wait: Any) -> None:
    ids = [executor.launch_job(prepare("sh", "-c", f"exit {code}")).execution_id for code in (0, 3, 137)]
    running = executor.launch_job(prepare("sleep", "60")).execution_id
    for execution_id in ids:
        wait(executor, execution_id)
    states = executor.check_statuses([*ids, running, "0" * 64])
    assert [states[execution_id].exit_code for execution_id in ids] == [0, 3, 137]
    assert states[running].status is ExecutionStatus.RUNNING
    assert states["0" * 64].status is ExecutionStatus.NOT_FOUND


def test_a_short_burst_is_measured(executor: Any, prepare: Any, wait: Any) -> None:
    """Half a second of one core and 50 MiB, nobody asking while it runs; measured against the shell's own account."""
    script = "dd if=/dev/zero of=/hoard/x bs=1M count=50 2>/dev/null; timeout 0.5 sh -c 'while :; do :; done'; times"
    request = prepare("sh", "-c", script, mounts=(Mount(target="/hoard", kind=MountKind.TMPFS),))
    launch = executor.launch_job(request)
    wait(executor, launch.execution_id)
    usage = executor.harvest_job(attrs.evolve(request, execution_id=launch.execution_id)).usage
    assert usage is not None
    assert 50 * 1024**2 <= usage.peak_memory_bytes < 80 * 1024**2
    told = re.findall(r"(\d+)m([\d.]+)s", executor.get_logs(launch.execution_id).stdout.decode())
    own = sum(60 * int(minutes) + float(seconds) for minutes, seconds in told)
    assert own > 0
    assert 0.6 * own < usage.cpu_seconds < 2 * own + 0.5


def test_usage_of_a_remote_engine_is_asked_for_sparingly(
    make_executor: Any, proxy: Any, prepare: Any, tmp_path: Any
) -> None:
    """Without the machine's own files, one request serves many looks."""
    from container_manager_docker.usage import ControlGroups, UsageSampler

    executor = make_executor(base_url=proxy.base_url)
    executor._sampler = UsageSampler(ControlGroups(tmp_path))
    launch = executor.launch_job(prepare("sh", "-c", "while :; do :; done"))
    time.sleep(0.5)
    proxy.counted()
    figures = {executor.get_usage(launch.execution_id) for _ in range(5)}
    (usage,) = figures
    assert usage.cpu_seconds > 0
    assert usage.peak_memory_bytes > 10_000
    assert len(proxy.counted()) == 1
    executor.cleanup(launch.execution_id)


def test_metadata_of_an_ended_execution(executor: Any, prepare: Any, wait: Any) -> None:
    request = prepare("true", mounts=(Mount(target="/x", source="/etc", read_only=True),))
    metadata = wait(executor, executor.launch_job(request).execution_id).metadata
    assert set(metadata) == {"container_name", "container_id", "network", "volumes", "ports", "image_digest"}
    assert metadata["container_name"] == request.name
    assert metadata["volumes"] == [{"source": "/etc", "target": "/x", "read_only": True}]
    assert metadata["network"] == "bridge"


def test_a_paused_container_is_stopped_too(executor: Any, prepare: Any, client: Any) -> None:
    launch = executor.launch_job(prepare("sleep", "3600"))
    client.containers.get(launch.execution_id).pause()
    assert executor.check_status(launch.execution_id).status is ExecutionStatus.RUNNING
    executor.cancel(launch.execution_id, 1.0)
    assert executor.check_status(launch.execution_id).has_ended


def test_a_stop_from_outside_is_lost_and_our_own_is_not(executor: Any, prepare: Any, client: Any) -> None:
    ours = executor.launch_job(prepare("sleep", "60")).execution_id
    theirs = executor.launch_job(prepare("sleep", "60")).execution_id
    executor.cancel(ours, 0)
    client.containers.get(theirs).stop(timeout=0)
    assert executor.check_status(ours).failure is None
    state = executor.check_status(theirs)
    assert (state.exit_code, state.failure.kind, state.failure.retryable) == (137, FailureKind.LOST, True)


def test_a_command_that_kills_itself_is_not_lost(executor: Any, prepare: Any, wait: Any) -> None:
    state = wait(executor, executor.launch_job(prepare("sh", "-c", "sh -c 'kill -9 $$'; exit $?")).execution_id)
    assert (state.exit_code, state.failure) == (137, None)


class Listener:
    """Collects an executor's events in a thread."""

    def __init__(self, executor: Any) -> None:
        self.seen: list[tuple[str | None, float]] = []
        self.error: TransientError | None = None
        self.stopped = threading.Event()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._listen, args=(executor,))
        self.thread.start()

    def _listen(self, executor: Any) -> None:
        try:
            for event in executor.events(self.stopped):
                self.seen.append((event.execution_id, time.monotonic()))
                self.ready.set()
        except TransientError as error:
            self.error = error

    def stop(self) -> float:
        began = time.monotonic()
        self.stopped.set()
        self.thread.join(30)
        return time.monotonic() - began


def test_an_end_is_told_at_once(executor: Any, prepare: Any, client: Any, engine: Any) -> None:
    """Of this installation's containers only; and the stream ends once it is asked to, not with the next event."""
    listener = Listener(executor)
    assert listener.ready.wait(30)
    assert listener.seen[0][0] is None
    client.containers.run(engine.image, "true", remove=True)
    launch = executor.launch_job(prepare("sleep", "1"))
    began = time.monotonic()
    while len(listener.seen) < 2 and time.monotonic() - began < 20:
        time.sleep(0.01)
    assert [execution_id for execution_id, _ in listener.seen] == [None, launch.execution_id]
    assert executor.check_status(launch.execution_id).has_ended
    assert listener.seen[1][1] - began < 10
    assert listener.stop() < 10
    assert listener.error is None


def test_a_broken_event_stream_is_told(make_executor: Any, proxy: Any) -> None:
    executor = make_executor(base_url=proxy.base_url)
    listener = Listener(executor)
    assert listener.ready.wait(30)
    proxy.cut()
    listener.thread.join(30)
    assert listener.error is not None
    assert proxy.base_url in str(listener.error)
    listener.stop()


@pytest.mark.parametrize("graceful", [False, True])
def test_an_engine_that_restarts_loses_its_containers(
    make_executor: Any, prepare: Any, private_engine: Any, wait: Any, graceful: bool
) -> None:
    """It stops them: their end is told as lost, and to be tried again, with the output kept."""
    executor = make_executor(base_url=private_engine.base_url)
    listener = Listener(executor)
    assert listener.ready.wait(30)
    script = "trap 'exit 7' TERM; echo began; while :; do sleep 0.1; done"
    launch = executor.launch_job(prepare("sh", "-c", script, image=private_engine.image))
    deadline = time.monotonic() + 30
    while executor.get_logs(launch.execution_id).stdout != b"began\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if graceful:
        private_engine.terminate()
    else:
        private_engine.kill()
    with pytest.raises(TransientError, match="systemctl start docker"):
        executor.check_status(launch.execution_id)
    listener.thread.join(30)
    assert listener.error is not None
    private_engine.start()
    state = wait(executor, launch.execution_id)
    assert state.exit_code == 7
    assert state.failure is not None
    assert (state.failure.kind, state.failure.retryable) == (FailureKind.LOST, True)
    assert executor.get_logs(launch.execution_id).stdout == b"began\n"
