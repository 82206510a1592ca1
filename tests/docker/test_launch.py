"""One attempt starts at most one container, and what cannot start is told in words."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import docker
import pytest

from container_manager_core.attachments import Mount, Port
from container_manager_core.errors import CapacityError, LeaseLost, PermanentError, TransientError
from container_manager_core.executor import ExecutionStatus
from container_manager_core.failure import FailureKind
from container_manager_core.resources import Resources
from support.private_engine import PrivateEngine


def containers(client: docker.DockerClient, request: Any) -> list[Any]:
    return client.containers.list(all=True, filters={"label": f"container-manager.job={request.job_id}"})


def test_a_second_launch_finds_the_first(executor: Any, make_executor: Any, prepare: Any, client: Any) -> None:
    request = prepare("sleep", "60")
    first = executor.launch_job(request)
    second = make_executor().launch_job(request)
    assert second.execution_id == first.execution_id
    assert second.started_at is not None
    assert len(containers(client, request)) == 1


def test_an_ended_container_is_never_started_again(executor: Any, prepare: Any, wait: Any, client: Any) -> None:
    request = prepare("true")
    launch = executor.launch_job(request)
    ended = wait(executor, launch.execution_id)
    assert executor.launch_job(request).execution_id == launch.execution_id
    assert wait(executor, launch.execution_id) == ended


def test_of_many_launches_at_once_one_starts(make_executor: Any, prepare: Any, client: Any) -> None:
    """Everybody gets the same container, and the engine tells of one start."""
    request = prepare("sleep", "60")
    began = time.time()
    with ThreadPoolExecutor(6) as pool:
        launches = list(pool.map(lambda executor: executor.launch_job(request), [make_executor() for _ in range(6)]))
    (container,) = containers(client, request)
    assert {launch.execution_id for launch in launches} == {container.id}
    assert container.status == "running"
    filters = {"event": "start", "label": f"container-manager.job={request.job_id}"}
    starts = list(client.events(since=began, until=time.time(), filters=filters, decode=True))
    assert [event["id"] for event in starts] == [container.id]


def test_a_worker_that_stalled_before_the_start_cannot_start(
    executor: Any, make_executor: Any, prepare: Any, client: Any
) -> None:
    """Its container was replaced by the successor's, so its late start finds none."""
    successor = make_executor()
    job_id = uuid4()
    launched = []

    def stall() -> float:
        if not launched:
            launched.append(None)
            launched[0] = successor.launch_job(prepare("sleep", "60", job_id=job_id))
        return math.inf

    stalled = prepare("sleep", "60", job_id=job_id, confirm_lease=stall)
    with pytest.raises(TransientError, match="another worker has taken the attempt over") as raised:
        executor.launch_job(stalled)
    assert raised.value.may_have_started
    (container,) = containers(client, stalled)
    assert container.id == launched[0].execution_id
    assert executor.find_execution(stalled) == container.id


def test_a_lost_lease_starts_nothing_and_leaves_nothing(executor: Any, prepare: Any, client: Any) -> None:
    def lost() -> float:
        raise LeaseLost("job", "worker")

    request = prepare("true", confirm_lease=lost)
    with pytest.raises(LeaseLost):
        executor.launch_job(request)
    assert containers(client, request) == []


def test_a_lost_answer_to_the_start_is_told_and_found(make_executor: Any, proxy: Any, prepare: Any) -> None:
    executor = make_executor(base_url=proxy.base_url)
    executor.check_health()
    request = prepare("sleep", "60")
    proxy.lose_answer_to = "/start"
    with pytest.raises(TransientError, match=r"the engine at unix:.* did not answer") as raised:
        executor.launch_job(request)
    assert raised.value.may_have_started
    found = executor.find_execution(request)
    assert found is not None
    assert executor.launch_job(request).execution_id == found
    assert executor.check_status(found).status is ExecutionStatus.RUNNING


def test_a_lost_answer_to_the_creation_leaves_nothing_to_wait_for(
    make_executor: Any, proxy: Any, prepare: Any, client: Any
) -> None:
    """What was created and never started is not found, and the next launch replaces it."""
    executor = make_executor(base_url=proxy.base_url)
    executor.check_health()
    request = prepare("sleep", "60")
    proxy.lose_answer_to = "/containers/create"
    with pytest.raises(TransientError) as raised:
        executor.launch_job(request)
    assert raised.value.may_have_started
    (left,) = containers(client, request)
    assert left.status == "created"
    assert executor.check_status(left.id).status is ExecutionStatus.RUNNING
    assert executor.find_execution(request) is None
    launch = executor.launch_job(request)
    (container,) = containers(client, request)
    assert (container.id, container.status) == (launch.execution_id, "running")


def test_a_container_of_our_name_that_is_not_ours_is_left_alone(
    executor: Any, prepare: Any, client: Any, engine: Any
) -> None:
    request = prepare("true")
    foreign = client.containers.create(engine.image, "true", name=request.name)
    try:
        with pytest.raises(PermanentError, match=f"container '{request.name}' exists .* docker inspect"):
            executor.launch_job(request)
        assert executor.find_execution(request) is None
        foreign.reload()
        assert foreign.status == "created"
    finally:
        foreign.remove()


def test_an_engine_that_may_have_forgotten_a_start_is_asked_for_another_attempt(
    make_executor: Any, prepare: Any, private_engine: PrivateEngine
) -> None:
    """Killed in the middle of a start, an engine can say afterwards that the container was only created."""
    executor = make_executor(base_url=private_engine.base_url)
    request = prepare("true", image=private_engine.image)
    with closing(private_engine.client()) as client:
        labels = {"installation": request.installation_id, "job": str(request.job_id), "attempt": "1"}
        labels = {f"container-manager.{name}": value for name, value in labels.items()}
        made = client.containers.create(private_engine.image, "true", name=request.name, labels=labels)
        private_engine.kill()
        private_engine.start()
        with pytest.raises(TransientError, match="the engine was restarted after it made") as raised:
            executor.launch_job(request)
        assert (raised.value.kind, raised.value.may_have_started) == (FailureKind.LOST, False)
        assert client.containers.get(made.id).status == "created", "a further worker must come to the same conclusion"


def test_others_in_a_network_find_a_container_by_its_further_names(
    executor: Any, prepare: Any, client: Any, wait: Any
) -> None:
    networks = [client.networks.create(f"cm-test-{uuid4().hex}") for _ in range(2)]
    names = tuple(network.name for network in networks)
    try:
        aliases = {names[0]: ["db", "database"], names[1]: ["second"]}
        server = prepare("sleep", "60", networks=names, network_aliases=aliases)
        executor.launch_job(server)
        for network, alias in ((names[0], "db"), (names[0], "database"), (names[1], "second")):
            asking = prepare("nslookup", f"{alias}.", networks=(network,))
            assert wait(executor, executor.launch_job(asking).execution_id).exit_code == 0
        foreign = prepare("nslookup", "db.", networks=names[1:])
        assert wait(executor, executor.launch_job(foreign).execution_id).exit_code != 0
    finally:
        for network in networks:
            for container in client.containers.list(all=True, filters={"network": network.name}):
                container.remove(force=True)
            network.remove()


@pytest.mark.parametrize("command", [("no-such-program",), ("/no/such/program",), ("/etc",), ("/bin/busybox-not",)])
def test_a_command_that_the_image_lacks(executor: Any, prepare: Any, client: Any, command: Any) -> None:
    request = prepare(*command)
    with pytest.raises(PermanentError) as raised:
        executor.launch_job(request)
    assert raised.value.kind is FailureKind.SPEC
    assert command[0] in str(raised.value)
    assert "check that the image has the command" in str(raised.value)
    assert containers(client, request) == []


def test_exit_127_of_a_shell_is_the_commands_own(executor: Any, prepare: Any, wait: Any) -> None:
    state = wait(executor, executor.launch_job(prepare("sh", "-c", "no-such-program")).execution_id)
    assert (state.exit_code, state.failure) == (127, None)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"user": "nobody-knows-me"}, "name a user that the image knows"),
        ({"networks": ("no-such-network",)}, "docker network create"),
        ({"networks": ("bridge", "no-such-network")}, "docker network create"),
        ({"networks": ("bridge",), "network_aliases": {"bridge": ["db"]}}, "network-scoped alias"),
        ({"mounts": (Mount(target="/x", source="/no/such/folder"),)}, "mount a path that exists"),
        ({"resources": Resources(cpus=1000.0)}, "ask for no more CPUs"),
        ({"resources": Resources(gpus=1)}, "ask for no GPU"),
        ({"add_capabilities": ("NO_SUCH_CAPABILITY",)}, "(?i)unknown capability"),
    ],
)
def test_what_the_engine_refuses_is_permanent_and_leaves_nothing(
    executor: Any, prepare: Any, client: Any, spec: Any, words: str
) -> None:
    request = prepare("true", **spec)
    with pytest.raises(PermanentError, match=words) as raised:
        executor.launch_job(request)
    assert raised.value.kind is FailureKind.SPEC
    assert containers(client, request) == []


def test_a_taken_port_is_a_matter_of_room(executor: Any, prepare: Any, client: Any) -> None:
    first = executor.launch_job(prepare("sleep", "60", ports=(Port(container_port=80),)))
    taken = first.metadata["ports"][0]["host_port"]
    request = prepare("true", ports=(Port(container_port=80, host_port=taken),))
    with pytest.raises(CapacityError, match="publish another host port"):
        executor.launch_job(request)
    assert containers(client, request) == []


def test_a_secret_is_not_in_an_error(executor: Any, prepare: Any) -> None:
    """The engine repeats parts of a configuration in some errors."""
    request = prepare("true", user="hunter2", secrets={"PASSWORD": "hunter2"})
    with pytest.raises(PermanentError) as raised:
        executor.launch_job(request)
    assert "unable to find user ***" in raised.value.message
    assert "hunter2" not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_what_utf8_cannot_hold_is_refused(executor: Any, prepare: Any) -> None:
    with pytest.raises(PermanentError, match=r"environment\['A'\] holds the lone surrogate '\\udcff'"):
        executor.launch_job(prepare("true", environment={"A": "x\udcff"}))
