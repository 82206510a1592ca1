"""A local Scaleway on the tests' engine, and executors for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import pytest
from local_clouds.containers import Container, local_engine
from local_clouds.scaleway import Cloud, Credentials, Faults, Server
from local_clouds.scaleway.runs import LIVE

from container_manager_core.executor import ExecutionRequest, ExecutorContext
from container_manager_scaleway import ScalewayOptions
from container_manager_scaleway.executor import ScalewayExecutor
from support.attempts import Attempts
from support.engine import Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scaleway")
    group.addoption("--scaleway-jobs", type=int, default=8, help="jobs in the storm on Scaleway (the long run: 100)")
    group.addoption("--scaleway-kills", type=int, default=3, help="workers killed in it (the long run: 10)")
    group.addoption("--scaleway-seed", type=int, default=7, help="seed of the moments in which they are killed")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The local cloud's API key, by reference."""
    folder = tmp_path_factory.mktemp("scaleway-keys")
    known = Credentials()
    (folder / "access").write_text(known.access_key)
    (folder / "secret").write_text(known.secret_key)
    return {"access_key": f"secret://file{folder}/access", "secret_key": f"secret://file{folder}/secret"}


@pytest.fixture(scope="session")
def serve(engine: Engine) -> Iterator[Any]:
    """Serves local clouds; each runs its jobs on the tests' engine."""
    with closing(local_engine(engine.base_url)) as client, ExitStack() as stack:

        def start(stop_grace_seconds: float = 0.0) -> Cloud:
            make_container = partial(Container, client, "scaleway-tests")
            cloud = Cloud(make_container, Credentials(), Faults(), stop_grace_seconds=stop_grace_seconds)
            stack.enter_context(Server(cloud))
            return cloud

        yield start


@pytest.fixture(scope="session")
def usual_cloud(serve: Any) -> Cloud:
    """A cloud in which nothing goes wrong. It must be left as it was found."""
    cloud: Cloud = serve()
    return cloud


@pytest.fixture
def cloud(serve: Any) -> Cloud:
    """A cloud of the test's own."""
    cloud: Cloud = serve()
    return cloud


class MakeOptions(Protocol):
    def __call__(self, cloud: Cloud, **options: Any) -> ScalewayOptions: ...


@pytest.fixture(scope="session")
def make_options(keys: dict[str, str]) -> MakeOptions:
    """Options for a local cloud, in a hurry."""

    def make(cloud: Cloud, **options: Any) -> ScalewayOptions:
        usual = {
            "api_url": cloud.url,
            "project_id": cloud.credentials.project_id,
            "region": cloud.credentials.region,
            "calls_per_second": 1000.0,
            "burst": 1000,
            "max_tries": 2,
            "log_quiet_seconds": 0.0,
            "visibility_seconds": 2.0,
            "allow_plain_secrets": True,
        }
        return ScalewayOptions(**{**usual, **keys, **options})

    return make


class MakeExecutor(Protocol):
    def __call__(self, cloud: Cloud, **options: Any) -> ScalewayExecutor: ...


@pytest.fixture
def installation_id() -> str:
    return f"tests-{uuid4().hex[:12]}"


@pytest.fixture
def make_executor(make_options: MakeOptions, installation_id: str) -> Iterator[MakeExecutor]:
    """Makes executors of one installation; they are closed at the end."""
    with ExitStack() as stack:

        def make(cloud: Cloud, **options: Any) -> ScalewayExecutor:
            context = ExecutorContext(host="tests", installation_id=installation_id)
            executor = ScalewayExecutor(make_options(cloud, **options), context)
            stack.callback(executor.close)
            return executor

        yield make


class Prepare(Protocol):
    def __call__(self, script: str = "", **facts: Any) -> ExecutionRequest: ...


@pytest.fixture
def prepare(engine: Engine, installation_id: str) -> Prepare:
    """Makes the request for an attempt of a shell script."""

    attempts = Attempts(engine.image, installation_id)

    def make(script: str = "", command: tuple[str, ...] | None = None, **facts: Any) -> ExecutionRequest:
        return attempts(*(("sh", "-c", script) if command is None else command), **facts)

    return make


@pytest.fixture
def wait_for_ends() -> Callable[[Cloud], None]:
    """Returns when no run of a cloud is live, without a call of its API."""

    def wait(cloud: Cloud) -> None:
        deadline = time.monotonic() + 60
        while any(run["state"] in LIVE for run in cloud.runs.all(lambda made: False)):
            assert time.monotonic() < deadline, "the runs do not end"
            time.sleep(0.02)

    return wait
