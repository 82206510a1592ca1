"""Programs from Debian's packages, installed when they are missing."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.unavailable import ServiceUnavailable

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")
_LOCK = Path(tempfile.gettempdir()) / "container-manager-tests-install.lock"


def find_program(name: str) -> str | None:
    """The path of a program, system folders included, whatever PATH says."""
    return shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)


def can_install() -> bool:
    """Whether this is Debian or one of its descendants, and we may install."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and find_program("apt-get") is not None


def install(packages: Iterable[str]) -> None:
    """Install packages. No daemon that they bring is started.

    Raises:
        ServiceUnavailable: this is no Debian, we are not root, or apt-get failed.
    """
    wanted = sorted(packages)
    if not can_install():
        raise ServiceUnavailable(
            f"the Debian packages {' '.join(wanted)} are missing and cannot be installed here; "
            "run as root on Debian, or install them by hand"
        )
    # Several processes of one test run may miss the same package.
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _without_daemons():
            _run("apt-get", "update", "-qq")
            _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted)


@contextmanager
def _without_daemons() -> Iterator[None]:
    """Debian's own switch against starting daemons on installation, for the time of it."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _run(*command: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
        raise ServiceUnavailable(
            f"{' '.join(command)} ended with {done.returncode}: {words[0]}; "
            "check the machine's package sources and network, or install the packages by hand"
        )
