"""A local Cloud Run for the tests of this folder, and executors on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol
from uuid import uuid4

import pytest
from local_clouds.cloudrun import LocalCloudRun

from container_manager_cloudrun import CloudRunOptions
from container_manager_cloudrun.executor import CloudRunExecutor
from container_manager_core.executor import ContainerExecutor, ExecutionState, ExecutorContext
from container_manager_core.structuring import structure
from support.attempts import Attempts, wait_for_end
from support.engine import Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cloudrun")
    group.addoption("--cloudrun-jobs", type=int, default=8, help="jobs in the storm on Cloud Run (the long run: 100)")
    group.addoption("--cloudrun-kills", type=int, default=3, help="workers killed in it (the long run: 10)")
    group.addoption("--cloudrun-seed", type=int, default=1, help="seed of the storm")


@pytest.fixture(scope="session")
def cloud(engine: Engine) -> Iterator[LocalCloudRun]:
    """A local cloud that lets everybody in. Whoever sets faults takes them back."""
    with LocalCloudRun(engine_url=engine.base_url, grace_seconds=1.0) as opened:
        yield opened


def quick(cloud: LocalCloudRun, **options: Any) -> CloudRunOptions:
    """Options that lead to a local cloud and wait for nothing."""
    table = {
        **cloud.options,
        "reads_per_minute": 1_000_000,
        "writes_per_minute": 1_000_000,
        "log_reads_per_minute": 1_000_000,
        "settle_seconds": 2.0,
        "quiet_seconds": 0.2,
        "allow_plain_secrets": True,
        **options,
    }
    return structure({**table, "ca_file": str(table["ca_file"])}, CloudRunOptions, "tests")


@pytest.fixture
def cloud_options(cloud: LocalCloudRun) -> CloudRunOptions:
    return quick(cloud)


class MakeExecutor(Protocol):
    def __call__(self, cloud: LocalCloudRun | None = None, **options: Any) -> CloudRunExecutor: ...


@pytest.fixture
def installation_id() -> str:
    return f"tests-{uuid4().hex[:12]}"


@pytest.fixture
def make_executor(cloud: LocalCloudRun, installation_id: str) -> Iterator[MakeExecutor]:
    """Makes executors, on the shared local cloud unless told otherwise."""
    with ExitStack() as stack:
        usual = cloud

        def make(cloud: LocalCloudRun | None = None, **options: Any) -> CloudRunExecutor:
            context = ExecutorContext(host="tests", installation_id=installation_id)
            executor = CloudRunExecutor(quick(cloud or usual, **options), context)
            stack.callback(executor.close)
            return executor

        yield make


@pytest.fixture
def prepare(engine: Engine, installation_id: str) -> Attempts:
    """Makes the request for an attempt."""
    return Attempts(engine.image, installation_id)


@pytest.fixture
def wait() -> Callable[[ContainerExecutor, str], ExecutionState]:
    """Waits for the end of an execution; gives its state."""
    return wait_for_end
