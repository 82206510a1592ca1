"""What the tests' own servers have in common: programs of Debian's packages that run as accounts of theirs."""

import os
import pwd
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support import debian
from support.unavailable import ServiceUnavailable


def program(name: str, package: str, find: Callable[[str], str | None] = debian.find_program) -> str:
    """The path of a program, whose package is installed where it is missing. Raises `ServiceUnavailable`."""
    found = find(name)
    if found is None:
        debian.install([package])
        found = find(name)
    if found is None:
        raise ServiceUnavailable(f"Debian's package {package} brought no {name}; put it on PATH")
    return found


def as_account(name: str) -> dict[str, Any]:
    """Options of a process: as that account where we are root, which most servers refuse to be."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give(folder: Path, name: str) -> None:
    """Let a folder be that account's, where we are root."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(name)
        os.chown(folder, account.pw_uid, account.pw_gid)


def run(command: Sequence[str], folder: Path, account: str, environment: Mapping[str, str]) -> None:
    """Run a program of a server's to its end. Raises `ServiceUnavailable` with the last that it said.

    Args:
        folder: where it runs; what it says is in its file control.log.
        account: whose it is.
        environment: all of it.
    """
    log = folder / "control.log"
    # To a file: a server that it starts would hold a pipe open for as long as it runs.
    with log.open("wb") as said:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
            **as_account(account),
        )
    if done.returncode:
        raise ServiceUnavailable(f"{Path(command[0]).name} ended with {done.returncode}: {reason(log)}")


def reason(log: Path) -> str:
    """What a log tells of a failure: its errors, or its last line."""
    said = log.read_text(errors="replace").strip().splitlines()
    errors = [line for line in said if "error" in line.lower()]
    return "; ".join(errors[-3:] or said[-1:]) or "it said nothing"


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
