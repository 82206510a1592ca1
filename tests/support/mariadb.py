"""A MariaDB server of the tests' own, on a socket beside its data, in a folder that is removed."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support import servers
from support.unavailable import ServiceUnavailable

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_ACCOUNT = "mysql"
_OPTIONS = (
    "--no-defaults",
    "--skip-networking",
    "--max-connections=200",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--performance-schema=off",
    # Neither that of the machine nor UTC, so that a time read or written in the server's zone is seen.
    "--default-time-zone=+09:00",
)


class MariaDbServer:
    """A server that answers; its user is ``root``, without a password.

    Args:
        folder: an empty one of its own. What it keeps, and where it listens, is there alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on the same data as before if there are any."""
        data = self._folder / "data"
        if not data.exists():
            self._run("mariadb-install-db", "--no-defaults", f"--datadir={data}", *_NEW)
        server = _program("mariadbd")
        # What tests write need not survive the machine's crash, only the server's.
        own = (f"--datadir={data}", f"--socket={self._socket}")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                (server, *_OPTIONS, *own, "--innodb-flush-log-at-trx-commit=2"),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                **servers.as_account(_ACCOUNT),
            )
        self._wait_until_it_answers(self._process)

    def stop(self, *, mode: str = "fast") -> None:
        """Stop it; mode ``immediate`` is a crash."""
        if self._process is None:
            return
        if mode == "immediate":
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def create_database(self, name: str) -> str:
        """Make an empty database as a project's is made; its URL."""
        self._query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"mysql://root@/{name}?socket={self._socket}"

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        self._query(f"DROP DATABASE {name}")

    def _query(self, statement: str) -> None:
        self._run("mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", f"--execute={statement}")

    @property
    def _environment(self) -> Mapping[str, str]:
        # A server that starts removes every temporary table that it finds in this folder, those of others too.
        return {**os.environ, "TMPDIR": str(self._folder)}

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop(mode="immediate")
                raise ServiceUnavailable(f"mariadbd does not come up: {servers.reason(self._folder / 'server.log')}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether the server greets."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self._socket))
                return connection.recv(1) != b""
        except OSError:
            return False

    def _run(self, name: str, *words: str) -> None:
        servers.run((_program(name), *words), self._folder, _ACCOUNT, self._environment)


_NEW = ("--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db")


@contextmanager
def open_mariadb() -> Iterator[MariaDbServer]:
    """A server for the time of the block.

    Raises:
        ServiceUnavailable: MariaDB is not here and cannot be installed, or does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="cm-mariadb-", dir="/tmp"))
    try:
        _program("mariadbd")
        servers.give(folder, _ACCOUNT)
        server = MariaDbServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    return servers.program(name, "mariadb-server")
