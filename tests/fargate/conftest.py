"""A local cloud on the tests' engine, and executors that use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any, Protocol
from uuid import uuid4

import pytest
from local_clouds.containers import local_engine
from local_clouds.fargate import Faults, LocalFargate

from container_manager_core.executor import ContainerExecutor, ExecutionState, ExecutorContext
from container_manager_fargate.executor import FargateExecutor
from container_manager_fargate.translation.definition import INSTALLATION_TAG
from support.attempts import Attempts, wait_for_end
from support.engine import Engine
from support.fargate import DENIED, USER, options_for


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fargate")
    group.addoption("--fargate-jobs", type=int, default=12, help="jobs in the storm on Fargate (the long run: 100)")
    group.addoption("--fargate-kills", type=int, default=3, help="workers killed in it (the long run: 10)")


@pytest.fixture(scope="session")
def cloud(engine: Engine) -> Iterator[LocalFargate]:
    """The cloud. Faults that a test asks for are taken back by `faults`."""
    with (
        closing(local_engine(engine.base_url)) as client,
        LocalFargate(client, users=(USER, DENIED), clusters=("default", "other"), most_vcpus=100) as opened,
    ):
        yield opened


@pytest.fixture
def faults(cloud: LocalFargate) -> Iterator[Faults]:
    """What goes wrong; nothing at the end of the test."""
    cloud.faults.clear()
    yield cloud.faults
    cloud.faults.clear()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's standard chain finds these, and nothing of the machine's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", USER.secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


class MakeExecutor(Protocol):
    def __call__(self, *, installation_id: str | None = None, **options: Any) -> FargateExecutor: ...


@pytest.fixture
def installation_id() -> str:
    return f"tests-{uuid4().hex[:12]}"


@pytest.fixture
def make_executor(cloud: LocalFargate, installation_id: str) -> Iterator[MakeExecutor]:
    """Makes executors in the cloud; what they started is told to stop at the end."""
    usual = installation_id
    with ExitStack() as stack:

        def make(*, installation_id: str | None = None, **options: Any) -> FargateExecutor:
            context = ExecutorContext(host="tests", installation_id=installation_id or usual)
            executor = FargateExecutor(options_for(cloud, **options), context)
            stack.callback(executor.close)
            return executor

        yield make
    for task in cloud.ecs.tasks:
        if {"key": INSTALLATION_TAG, "value": usual} in task.tags and not task.stopped:
            task.stop("the test is over")


@pytest.fixture
def executor(make_executor: MakeExecutor) -> FargateExecutor:
    return make_executor()


@pytest.fixture
def prepare(engine: Engine, installation_id: str) -> Attempts:
    """Makes the request for an attempt."""
    return Attempts(engine.image, installation_id, stop_grace_seconds=2.0)


@pytest.fixture
def wait() -> Callable[[ContainerExecutor, str], ExecutionState]:
    """Waits for the end of an execution; gives its state."""
    return wait_for_end
