"""A pooler in front of a PostgreSQL server: each transaction may come to another of the server's processes."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import servers
from support.unavailable import ServiceUnavailable

_START_SECONDS = 30.0
_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_round_robin = 1
"""


@contextmanager
def open_pgbouncer(server_port: int) -> Iterator[int]:
    """The loopback port of a PgBouncer in transaction mode, for the time of the block.

    Raises:
        ServiceUnavailable: it is not here and cannot be installed, or does not come up.
    """
    program = servers.program("pgbouncer", "pgbouncer")
    port = servers.free_port()
    with tempfile.TemporaryDirectory(prefix="cm-pgbouncer-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "settings.ini").write_text(_SETTINGS.format(server=server_port, own=port))
        folder.chmod(0o755)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                (program, str(folder / "settings.ini")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **servers.as_account("postgres"),
            )
        try:
            _wait_until_it_listens(process, port, folder / "log")
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServiceUnavailable(f"pgbouncer does not come up: {servers.reason(log)}") from None
            time.sleep(0.05)
        else:
            return
