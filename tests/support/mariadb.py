"""A MariaDB server of the tests' own, on a free loopback port, with its data in a folder that is removed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support import debian
from support.unavailable import ServiceUnavailable

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_ACCOUNT = "mysql"
_OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--max-connections=200",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--performance-schema=off",
    # Neither that of the machine nor UTC, so that a time read or written in the server's zone is seen.
    "--default-time-zone=+09:00",
)


class MariaDbServer:
    """A server that answers.

    Attributes:
        port: where it listens on loopback; the user is ``root``, without a password.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start it, on the same data as before if there are any."""
        data = self._folder / "data"
        if not data.exists():
            self._run("mariadb-install-db", "--no-defaults", f"--datadir={data}", *_NEW)
        # Not earlier: others take ports too while the data are made.
        self.port = self.port or _free_port()
        server = _program("mariadbd")
        # What tests write need not survive the machine's crash, only the server's.
        own = (f"--datadir={data}", f"--port={self.port}", f"--socket={self._folder / 'socket'}")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                (server, *_OPTIONS, *own, "--innodb-flush-log-at-trx-commit=2"),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_as_account(),
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
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        self._query(f"DROP DATABASE {name}")

    def _query(self, statement: str) -> None:
        self._run(
            *("mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", "--user=root"),
            f"--execute={statement}",
        )

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop(mode="immediate")
                raise ServiceUnavailable(f"mariadbd does not come up: {self._last_words('server.log')}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether the server greets."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(1) != b""
        except OSError:
            return False

    def _run(self, program: str, *words: str) -> None:
        command: Sequence[str] = (_program(program), *words)
        with (self._folder / "control.log").open("wb") as said:
            done = subprocess.run(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                **_as_account(),
            )
        if done.returncode:
            raise ServiceUnavailable(f"{program} ended with {done.returncode}: {self._last_words('control.log')}")

    def _last_words(self, log: str) -> str:
        said = (self._folder / log).read_text(errors="replace").strip().splitlines()
        return said[-1] if said else "it said nothing"


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
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = MariaDbServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_account() -> dict[str, object]:
    """Options of a process: as the server's own account where we are root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(_ACCOUNT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _program(name: str) -> str:
    found = debian.find_program(name)
    if found is None:
        debian.install(["mariadb-server"])
        found = debian.find_program(name)
    if found is None:
        raise ServiceUnavailable(f"Debian's package mariadb-server brought no {name}; put it on PATH")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
