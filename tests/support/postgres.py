"""A PostgreSQL server of the tests' own, on a free loopback port, with its data in a folder that is removed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support import debian
from support.unavailable import ServiceUnavailable

_START_SECONDS = 60.0
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
        self.port = _free_port()

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

    def _run(self, program: str, *words: str) -> None:
        command: Sequence[str] = (_program(program), *words)
        account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        # The server's own output goes to its log: a pipe would be held open for as long as it runs.
        with (self._folder / "control.log").open("w+") as said:
            done = subprocess.run(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                env={**os.environ, "LC_ALL": "C"},
            )
            said.seek(0)
            if done.returncode:
                last = said.read().strip().splitlines()[-1:] or ["it said nothing"]
                raise ServiceUnavailable(f"{program} ended with {done.returncode}: {last[0]}")


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
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = PostgresServer(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = _find(name)
    if found is None:
        debian.install(["postgresql"])
        found = _find(name)
    if found is None:
        raise ServiceUnavailable(f"Debian's package postgresql brought no {name}; put it on PATH")
    return found


def _find(name: str) -> str | None:
    """On PATH, else where Debian keeps the newest version's."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return debian.find_program(name) or (str(versions[0]) if versions else None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
