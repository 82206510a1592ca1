"""What the driver of MySQL is compiled with, for the Python that runs this: PyPI has it as source alone."""

import sys
import sysconfig
from pathlib import Path

from support import debian
from support.unavailable import ServiceUnavailable

_PROGRAMS = {"gcc": "gcc", "mariadb_config": "libmariadb-dev", "pkg-config": "pkg-config"}


def main() -> None:
    """Install Debian's packages that are missing, or end with the remedy."""
    wanted = [package for program, package in _PROGRAMS.items() if debian.find_program(program) is None]
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        wanted.append(f"python{sys.version_info.major}.{sys.version_info.minor}-dev")
    if not wanted:
        return
    try:
        debian.install(wanted)
    except ServiceUnavailable as error:
        raise SystemExit(f"mysqlclient cannot be compiled: {error}") from error


if __name__ == "__main__":
    main()
