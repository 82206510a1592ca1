"""Every benchmark of this folder, one after the other, and all their figures in one table at the end.

    nox -s bench -- [--quick] [--only NAME]... [--table FILE] [--plot FILE]

Nothing else should run on the machine meanwhile. Each is a program of its own in `benchmarks/`; what it prints as a row
of a Markdown table is a figure.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measuring.figure import TITLES, row

_FOLDER = Path(__file__).parent


def main() -> int:
    """Run them, print the table; 1 when one of them could not measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = sorted(path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works")
    parser.add_argument("--only", choices=names, action="append", help="only this one")
    parser.add_argument("--table", type=Path, help="write the table into this file too")
    parser.add_argument("--plot", type=Path, help="draw what growth measures into this SVG file")
    given = parser.parse_args()
    rows: list[str] = []
    broken: list[str] = []
    for name in given.only or names:
        print(f"\n{name}", flush=True)
        words = ["--quick"] if given.quick else []
        if given.plot and name == "growth":
            words += ["--plot", str(given.plot)]
        process = subprocess.Popen(
            [sys.executable, str(_FOLDER / f"{name}.py"), *words], stdout=subprocess.PIPE, text=True
        )
        rows += figures(process)
        if process.returncode:
            broken.append(name)
    table = "\n".join([row(TITLES), row(["---"] * len(TITLES)), *rows])
    print(f"\n{table}\n\nload of the machine: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    if given.table:
        given.table.write_text(f"{table}\n")
    if broken:
        print(f"Could not measure: {', '.join(broken)}", file=sys.stderr)
    return int(bool(broken))


def figures(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The rows that it prints; all that it prints goes on to the terminal at once."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.startswith("| "):
            yield line.rstrip()
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
