"""How long starting takes: importing the core, and the command `executors`, beside a bare interpreter.

nox -s bench
"""

import statistics
import subprocess
import sys
import time

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


def seconds(arguments: list[str]) -> float:
    """One run of a Python program, from its start to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure in turn, so that a machine that slows down slows all, and print the table."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(RUNS + 1):
        for name, arguments in PROGRAMS.items():
            times[name].append(seconds(arguments))
    bare = statistics.median(times["python -c pass"][1:])
    print(f"{'program':<54} {'median ms':>9} {'more than bare, ms':>19}")
    for name, measured in times.items():
        median = statistics.median(measured[1:])
        print(f"{name:<54} {median * 1000:>9.0f} {(median - bare) * 1000:>19.0f}")


if __name__ == "__main__":
    main()
