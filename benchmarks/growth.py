"""What a job costs with 1,000, 10,000, 100,000 and 1,000,000 finished jobs in the tables.

    python benchmarks/growth.py [--quick] [--rounds N] [--largest N] [--plot FILE]

Per database and number: a database of its own, filled with copies of one finished job, and of its attempt, as
`measuring.history` does it; on PostgreSQL vacuumed and analysed then, as autovacuum has done on a server that has
lived that long. Measured is a job's way through the store from the claim to the stored end (`measuring.moves`), in
batches of 100 and one at a time, in turn on all databases of one kind, there and back. The measuring adds a few
thousand finished jobs to each. That the cost stays flat is taken as: at most 1.2 times that of the smallest.
"""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from measuring.figure import Figure, options, ratio, show
from measuring.history import on_postgres, on_sqlite
from measuring.moves import new_jobs, work_off

from container_manager_core.store.protocol import JobStore

_SMALLEST = 1_000
_JOBS = {100: 500, 1: 50}
"""How many jobs a round works off in batches of so many."""
_MOST = 1.2

Costs = dict[int, list[float]]
"""By number of finished jobs, the seconds of a job in each round."""


def main() -> None:
    """Measure each database, print the rows, draw the plot."""
    parser = options(__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="finished jobs in the fullest database")
    parser.add_argument("--plot", type=Path, help="draw the costs into this SVG file")
    given = parser.parse_args()
    largest, rounds = (10_000, 2) if given.quick else (given.largest, given.rounds)
    sizes = [_SMALLEST * 10**power for power in range(10) if _SMALLEST * 10**power <= largest]
    found: dict[tuple[str, int], Costs] = {}
    for title, opened in (("SQLite", on_sqlite), ("PostgreSQL through Django", on_postgres)):
        with opened({size: {"completed": size} for size in sizes}) as stores:
            for batch, costs in measure(stores, rounds).items():
                found[title, batch] = costs
                tell(title, batch, costs)
    if given.plot:
        draw(found, given.plot)


def measure(stores: Mapping[int, JobStore], rounds: int) -> Mapping[int, Costs]:
    """The costs by size of the batches; a first round, which warms up, is left out."""
    costs: dict[int, Costs] = {batch: {size: [] for size in stores} for batch in _JOBS}
    for number in range(rounds + 1):
        for batch, jobs in _JOBS.items():
            for size, store in stores.items() if number % 2 else reversed(stores.items()):
                store.add_many(new_jobs(jobs))
                began = time.perf_counter()
                done = work_off(store, batch)
                took = time.perf_counter() - began
                if done != jobs:
                    raise SystemExit(f"{done} of {jobs} jobs were worked off beside {size} finished ones")
                if number:
                    costs[batch][size].append(took / jobs)
    return costs


def tell(database: str, batch: int, costs: Costs) -> None:
    """Print a row for each number of finished jobs."""
    smallest = costs[_SMALLEST]
    how = f"in batches of {batch}" if batch > 1 else "one at a time"
    for size, seconds in costs.items():
        show(
            Figure(
                what=f"{database}: a job from claim to end {how}, with {size:,} finished, beside {_SMALLEST:,}",
                ours=f"{statistics.median(seconds) * 1e6:.0f} us a job",
                beside=f"{statistics.median(smallest) * 1e6:.0f} us a job",
                value=ratio(seconds, smallest),
                most=None if size == _SMALLEST else _MOST,
            )
        )


def draw(found: Mapping[tuple[str, int], Costs], path: Path) -> None:
    """Draw a panel for each size of batches: medians, and the range of the rounds."""
    import matplotlib

    matplotlib.use("svg")
    # The same figures give the same file, and the reader's own fonts are used.
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot

    batches = list(dict.fromkeys(batch for _, batch in found))
    figure, panels = pyplot.subplots(1, len(batches), figsize=(9, 4), layout="constrained")
    for panel, batch in zip(panels, batches, strict=True):
        for database in dict.fromkeys(title for title, _ in found):
            costs = found[database, batch]
            medians = [1000 * statistics.median(seconds) for seconds in costs.values()]
            (line,) = panel.plot(list(costs), medians, marker="o", label=database)
            ranges = [[1000 * chosen(seconds) for seconds in costs.values()] for chosen in (min, max)]
            panel.fill_between(list(costs), *ranges, alpha=0.15, color=line.get_color(), linewidth=0)
        panel.set_title(f"in batches of {batch}" if batch > 1 else "one at a time")
        panel.set(xscale="log", xlabel="finished jobs in the tables", ylabel="ms a job, claim to end")
        panel.set_ylim(bottom=0)
        panel.set_xticks(list(costs), [f"{size:,}" for size in costs])
        panel.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path, metadata={"Creator": None, "Date": None})


if __name__ == "__main__":
    main()
