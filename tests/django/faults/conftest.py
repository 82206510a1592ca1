"""Projects on databases that can be stopped, and their jobs as the test's own process sees them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from container_manager_core import Config, ContainerManager
from support.engine import Engine
from support.manage import DjangoProject
from support.mariadb import MariaDbServer, open_mariadb
from support.postgres import PostgresServer, open_postgres
from support.unavailable import ServiceUnavailable

ALIAS = "faults"
_SERVERS = {"postgresql": "postgres", "mariadb": "mariadb"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--django-jobs", type=int, default=6, help="jobs of Django workers that die (the long run: 200)")
    group.addoption("--django-kills", type=int, default=2, help="Django workers killed (the long run: 200)")
    group.addoption("--django-workers", default="2", help="so many at once, with commas (the long run: 2,4)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """MariaDB's turn comes with ``--database=mariadb``, and nothing else's then: its driver is not always there."""
    is_turn = config.getoption("--database", "sqlite") == "mariadb"
    others = [item for item in items if is_turn != _is_on_mariadb(item) and item.path.parent == Path(__file__).parent]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _is_on_mariadb(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("database_url") == "mariadb"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "workers" in metafunc.fixturenames:
        given = metafunc.config.getoption("--django-workers")
        metafunc.parametrize("workers", [int(number) for number in given.split(",")])


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that a test may stop and start again."""
    try:
        opened = open_postgres()
        with opened as server:
            yield server
    except ServiceUnavailable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDbServer]:
    """Another one."""
    try:
        with open_mariadb() as server:
            yield server
    except ServiceUnavailable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> PostgresServer | MariaDbServer:
    """The one that has the database of the test."""
    found: PostgresServer | MariaDbServer = request.getfixturevalue(
        _SERVERS[request.node.callspec.params["database_url"]]
    )
    return found


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database of the kind that the test is parametrized with."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
        return
    name = f"jobs_{abs(hash(request.node.name)) % 10**8}"
    if request.param == "mariadb":
        mariadb: MariaDbServer = request.getfixturevalue("mariadb")
        yield mariadb.create_database(name)
        mariadb.drop_database(name)
        return
    import psycopg

    server: PostgresServer = request.getfixturevalue("postgres")
    address = f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield f"postgresql://postgres@127.0.0.1:{server.port}/{name}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def project_on(database_url: str, engine: Engine, tmp_path: Path) -> Iterator[Callable[..., DjangoProject]]:
    """Makes a migrated project on the new database; its one host is the tests' engine."""
    with ExitStack() as stack:

        def make(capacity: int = 6, **settings: object) -> DjangoProject:
            hosts = {"engine": {"base_url": engine.base_url, "max_concurrent_jobs": capacity}}
            own = {"LEASE_SECONDS": 2.0, "POLL_INTERVAL": 0.5, "MAX_CONCURRENT_JOBS": 6, **settings}
            lines = f"CONTAINER_EXECUTORS = {{'docker': {{'hosts': {hosts!r}}}}}\nCONTAINER_MANAGER = {own!r}"
            project = stack.enter_context(DjangoProject(tmp_path / "project", database_url, lines))
            project.manage("migrate", "--verbosity", "0")
            return project

        yield make


@pytest.fixture
def seen() -> Callable[[DjangoProject], AbstractContextManager[ContainerManager]]:
    """The jobs of a project, through a connection of the test's own process."""
    return _seen


@contextmanager
def _seen(project: DjangoProject) -> Iterator[ContainerManager]:
    from django.db import connections
    from project.settings import database

    from container_manager.store.store import OrmStore

    connections.settings[ALIAS] = {**connections.settings["default"], **database(project.url)}
    store = OrmStore(ALIAS)
    store.database.pool()
    try:
        with ContainerManager(Config(store=f"django:{ALIAS}", hosts={}), store=store) as manager:
            yield manager
    finally:
        del connections.settings[ALIAS]
