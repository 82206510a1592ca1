"""How long starting takes: importing the core, and the command `executors`, beside a bare interpreter.

python benchmarks/startup.py [--quick]
"""

import statistics
import subprocess
import sys
import time

from measuring.figure import Figure, options, show

RUNS = 9
PROGRAMS = {
    "python -c pass": ["-c", "pass"],
    "import container_manager_core": ["-c", "import container_manager_core"],
    "from container_manager_core import ContainerManager": [
        "-c",
        "from container_manager_core import ContainerManager",
    ],
    "container-manager executors": ["-m", "container_manager_core", "executors"],
    "container-manager list": ["-m", "container_manager_core", "list"],
}

MOST = {
    "import container_manager_core": 60.0,
    "from container_manager_core import ContainerManager": 60.0,
    "container-manager executors": 250.0,
}
"""Milliseconds."""


def seconds(arguments: list[str]) -> float:
    """One run of a Python program, from its start to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure in turn, so that a machine that slows down slows all, and print the table."""
    runs = 3 if options(__doc__).parse_args().quick else RUNS
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(runs + 1):
        for name, arguments in PROGRAMS.items():
            times[name].append(seconds(arguments))
    bare = statistics.median(times["python -c pass"][1:])
    for name, measured in times.items():
        if name == "python -c pass":
            continue
        median = statistics.median(measured[1:])
        show(
            Figure(
                what=f"`{name}`, more than a bare interpreter",
                ours=f"{median * 1000:.0f} ms in all",
                beside=f"{bare * 1000:.0f} ms",
                value=(median - bare) * 1000,
                unit="ms",
                most=MOST.get(name),
            )
        )


if __name__ == "__main__":
    main()
