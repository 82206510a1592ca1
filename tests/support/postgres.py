"""A PostgreSQL server of the tests' own, on a free loopback port, with its data in a folder that is removed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support import debian, servers
from support.unavailable import ServiceUnavailable

_START_SECONDS = 60.0
_ACCOUNT = "postgres"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "timezone": "UTC",
}


class PostgresServer:
    """A server that answers.

    Attributes:
        port: where it listens on loopback; user and database are ``postgres``, without a password.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        # What tests write need not survive the machine's crash, only the server's.
        self._options = _OPTIONS if durable else {**_OPTIONS, "fsync": "off"}
        self.port = servers.free_port()

    def start(self) -> None:
        """Start it, on the same data as before if there are any."""
        if not (self._folder / "data").exists():
            self._run("initdb", "--pgdata", "data", "--auth", "trust", "--username", "postgres", "--no-sync")
        options = " ".join(f"-c {name}={value}" for name, value in self._options.items())
        words = ("--options", f"-p {self.port} -k {self._folder} {options}", "--log", "server.log")
        self._run("pg_ctl", "start", "--pgdata", "data", "--wait", "--timeout", str(round(_START_SECONDS)), *words)

    def stop(self, *, mode: str = "fast") -> None:
        """Stop it; mode ``immediate`` is a crash."""
        with suppress(ServiceUnavailable):
            self._run("pg_ctl", "stop", "--pgdata", "data", "--wait", "--mode", mode)

    def _run(self, name: str, *words: str) -> None:
        servers.run((_program(name), *words), self._folder, _ACCOUNT, {**os.environ, "LC_ALL": "C"})


@contextmanager
def open_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server for the time of the block.

    Args:
        durable: let what is committed survive the machine's crash too, as every server does by default.

    Raises:
        ServiceUnavailable: PostgreSQL is not here and cannot be installed, or does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="cm-postgres-", dir="/tmp"))
    try:
        _program("initdb")
        servers.give(folder, _ACCOUNT)
        server = PostgresServer(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    return servers.program(name, "postgresql", _find)


def _find(name: str) -> str | None:
    """On PATH, else where Debian keeps the newest version's."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return debian.find_program(name) or (str(versions[0]) if versions else None)
