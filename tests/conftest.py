"""The real things that tests may ask for. Nothing is started before a test asks for it."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from support.engine import Engine, open_engine
from support.private_engine import PrivateEngine
from support.registry import Registry, open_registry
from support.unavailable import ServiceUnavailable

Service = TypeVar("Service")

# A shell without job control starts its background processes, and all they start, deaf to an interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine may pause for longer than any example should take.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--force-private",
        action="store_true",
        help="run on a Docker engine of the tests' own even where another one answers",
    )


@contextmanager
def _or_fail(opening: AbstractContextManager[Service]) -> Iterator[Service]:
    """The service; a test that cannot have it fails with one sentence."""
    with ExitStack() as stack:
        try:
            service = stack.enter_context(opening)
        except ServiceUnavailable as error:
            pytest.fail(str(error), pytrace=False)
        yield service


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A Docker engine with the test image: the one that answers, else a private one."""
    with _or_fail(open_engine(private=request.config.getoption("--force-private"))) as opened:
        yield opened


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder whose path is short enough for the name of a socket, which may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="cm-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def private_engine() -> Iterator[PrivateEngine]:
    """An engine of the test's own, which it may kill and start again."""
    with _or_fail(PrivateEngine()) as opened:
        yield opened


@pytest.fixture(scope="session")
def registry(engine: Engine) -> Iterator[Registry]:
    """A registry that asks for no password, with the test image in it."""
    with _or_fail(open_registry(engine)) as opened:
        yield opened


@pytest.fixture(scope="session")
def password_registry(engine: Engine) -> Iterator[Registry]:
    """A registry that asks for a password, with the test image in it."""
    with _or_fail(open_registry(engine, username="tester", password="a secret password")) as opened:
        yield opened
