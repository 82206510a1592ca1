"""Removes a private engine when its owner asks for it, or dies.

Run as a program of its own: ``guard.py FOLDER BRIDGE``. It waits until its standard input ends or
says anything, which happens whatever ends the owner, then stops the engine in that folder with
everything it runs and removes what it left. It uses the standard library alone.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_STOP_SECONDS = 20.0


def main() -> int:
    folder, bridge = Path(sys.argv[1]), sys.argv[2]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read(1)
    remove(folder, bridge)
    return 0


def remove(folder: Path, bridge: str) -> None:
    """Stop the engine and all its processes, and remove its mounts, bridge and folder."""
    shims = pids_of("containerd-shim-runc-v2", folder)
    _end([child for shim in shims for child in _descendants(shim)], signal.SIGKILL)
    _end(pids_of("dockerd", folder), signal.SIGTERM)
    for program in ("dockerd", "containerd", "containerd-shim-runc-v2"):
        _end(pids_of(program, folder), signal.SIGKILL)
    for mount in sorted(_mounts_below(folder), reverse=True):
        subprocess.run(["umount", "-l", mount], capture_output=True)
    for link in [bridge, *_bridges_of_networks(folder)]:
        subprocess.run(["ip", "link", "delete", link], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def _bridges_of_networks(folder: Path) -> list[str]:
    """The bridges of networks that were made in the engine: it leaves them behind when it ends."""
    database = folder / "data/network/files/local-kv.db"
    known = database.read_bytes() if database.exists() else b""
    return [link.name for link in Path("/sys/class/net").glob("br-*") if link.name.encode() in known]


def pids_of(program: str, folder: Path) -> list[int]:
    """The processes of a program whose command line names the engine's folder."""
    return [
        pid
        for pid, words in _command_lines()
        if Path(words[0]).name == program and any(f"{folder}/" in word for word in words)
    ]


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if line:
                yield int(entry.name), os.fsdecode(line).split("\0")


def _descendants(pid: int) -> Iterator[int]:
    try:
        threads = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return
    for child in (int(word) for children in threads for word in children.split()):
        yield from _descendants(child)
        yield child


def _end(pids: Iterable[int], number: signal.Signals) -> None:
    waiting = list(pids)
    for pid in waiting:
        _signal(pid, number)
    wait_for_end(waiting)


def wait_for_end(pids: Iterable[int]) -> None:
    """Return when these processes have ended, or after 20 seconds."""
    waiting = list(pids)
    deadline = time.monotonic() + _STOP_SECONDS
    while any(map(_lives, waiting)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _mounts_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for point in (line.split()[4] for line in lines) if point.startswith(f"{folder}/")]


if __name__ == "__main__":
    sys.exit(main())
