"""Whatever answers where an engine should: clear errors only, and nothing of the wrong kind gets through."""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_manager_core.errors import ExecutorError
from container_manager_core.executor import ExecutionRequest, ExecutionState, ExecutorContext, OwnedExecution
from container_manager_core.failure import FailureKind
from container_manager_core.spec import ContainerSpec
from container_manager_docker.executor import DockerExecutor
from container_manager_docker.options import DockerOptions

ID = "0123456789abcdef" * 4
JOB = UUID(int=7)
LABELS = {
    "container-manager.installation": "ours",
    "container-manager.job": str(JOB),
    "container-manager.attempt": "1",
}
INSPECTED: dict[str, Any] = {
    "Id": ID,
    "Name": f"/cm-{JOB}-1",
    "Created": "2026-01-01T00:00:00.5Z",
    "Image": "sha256:" + "a" * 64,
    "Config": {"Labels": LABELS},
    "State": {
        "Status": "exited",
        "ExitCode": 3,
        "OOMKilled": False,
        "Error": "",
        "StartedAt": "2026-01-01T00:00:01.123456789Z",
        "FinishedAt": "2026-01-01T00:00:02Z",
    },
    "HostConfig": {"Memory": 67108864},
    "NetworkSettings": {
        "Networks": {"bridge": {}},
        "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None},
    },
    "Mounts": [{"Name": "data", "Destination": "/data", "RW": False}],
    "RepoDigests": ["app@sha256:" + "b" * 64],
    "memory_stats": {"max_usage": 5},
    "cpu_stats": {"cpu_usage": {"total_usage": 5}},
    "Version": "20.10",
    "ApiVersion": "1.41",
}
LISTED: dict[str, Any] = {
    "Id": ID,
    "Names": [f"/cm-{JOB}-1"],
    "Labels": LABELS,
    "State": "exited",
    "Status": "Exited (3) 2 minutes ago",
    "Created": 1767225600,
}
_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)


class StrangeEngine:
    """Answers every request with the same body; but who asks for the version is told one."""

    def __init__(self) -> None:
        self.body: Any = {}
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = {"ApiVersion": "1.41"} if self.path == "/version" else engine.body
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_DELETE = do_GET  # noqa: N815  names of the base class

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        options = DockerOptions(base_url=f"tcp://127.0.0.1:{self._server.server_address[1]}", timeout=20)
        self.executor = DockerExecutor(options, ExecutorContext(host="strange", installation_id="ours"))

    def close(self) -> None:
        self.executor.close()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def strange() -> Iterator[StrangeEngine]:
    engine = StrangeEngine()
    yield engine
    engine.close()


@st.composite
def _spoiled(draw: st.DrawFn, sound: Any) -> Any:
    """A sound answer in which some values are something else, or missing."""
    answer = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        place = answer
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
                break
            place = place[key]
        if not isinstance(place, dict | list) or not place:
            continue
        if isinstance(place, dict) and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(_JUNK)
    return answer


def _request() -> ExecutionRequest:
    return ExecutionRequest(
        job_id=JOB,
        attempt=1,
        name=f"cm-{JOB}-1",
        spec=ContainerSpec(image="app", command=("true",)),
        installation_id="ours",
        execution_id=ID,
    )


def _is_sound(answer: object) -> bool:
    if isinstance(answer, ExecutionState):
        return answer.exit_code is None or type(answer.exit_code) is int
    if isinstance(answer, OwnedExecution):
        return isinstance(answer.execution_id, str) and (answer.attempt is None or answer.attempt >= 0)
    return True


def _answers(executor: DockerExecutor) -> list[Callable[[], object]]:
    return [
        lambda: executor.check_status(ID),
        lambda: executor.check_statuses([ID])[ID],
        lambda: executor.find_execution(_request()),
        lambda: executor.launch_job(_request()),
        lambda: executor.list_owned(),
        lambda: executor.read_logs(ID),
        lambda: executor.get_usage(ID),
        lambda: executor.harvest_job(_request()).state,
        lambda: executor.check_health(),
    ]


@given(
    body=_spoiled(INSPECTED) | _spoiled([LISTED]) | _JUNK | st.binary(max_size=40),
    call=st.integers(0, 8),
)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_answer_is_understood_or_refused_with_a_sentence(strange: StrangeEngine, body: Any, call: int) -> None:
    strange.body = body
    try:
        answer = _answers(strange.executor)[call]()
    except ExecutorError as error:
        assert len(error.message) > 10
    else:
        assert all(_is_sound(each) for each in (answer if isinstance(answer, list) else [answer]))


def test_what_is_no_engine_is_named_with_the_remedy(strange: StrangeEngine) -> None:
    strange.body = {"State": "what"}
    with pytest.raises(ExecutorError, match=r"the answer from tcp://127.0.0.1:\d+ is none of the Docker API") as told:
        strange.executor.check_status(ID)
    assert told.value.retryable
    assert "look whether a Docker engine listens there" in told.value.hint


def test_a_launch_with_an_answer_that_nobody_understands_may_have_started(strange: StrangeEngine) -> None:
    strange.body = [1, 2]
    with pytest.raises(ExecutorError) as told:
        strange.executor.launch_job(_request())
    assert told.value.may_have_started


@pytest.mark.parametrize(
    ("action", "attributes", "kind"),
    [("oom", {}, FailureKind.OUT_OF_MEMORY), ("kill", {"signal": "9"}, FailureKind.LOST), ("start", {}, None)],
)
def test_the_engine_s_events_tell_of_an_end_what_its_state_of_the_container_does_not(
    action: str, attributes: dict[str, str], kind: FailureKind | None
) -> None:
    """A busy engine notices an end before it notices what led to it, and never corrects itself."""
    strange = StrangeEngine()
    actor = {"ID": ID, "Attributes": attributes}
    ended = INSPECTED["State"] | {"ExitCode": 137}
    strange.body = INSPECTED | {"State": ended, "Action": action, "Actor": actor}
    try:
        state = strange.executor.check_status(ID)
    finally:
        strange.close()
    assert state.exit_code == 137
    assert (state.failure and state.failure.kind) == kind
