"""How long a job waits for the manager: before its container starts, and after it has exited.

    python benchmarks/latency.py [--quick] [--jobs N]

In turn, on the same engine: the docker SDK creates and starts a container of `true`; and one job is submitted to a
SQLite store that an idle worker in this process watches. Its container's start and exit are the engine's own events,
with the engine's own times; the SDK's start is taken from its call to create on, likewise to the engine's event.
Requests to the engine are counted by a proxy between it and the worker, from the launch of the jobs to the last
clean-up; looks at the state of the host itself and the stream of events are told apart.
"""

import statistics
import time
from collections import Counter

from measuring.engine_events import Events
from measuring.figure import Figure, options, percentile, show
from measuring.managed import Ends, manager_of
from measuring.traffic import Counting

from container_manager_core import ContainerSpec
from container_manager_core.background import BackgroundWorker
from support.engine import Engine, open_engine


def main() -> None:
    """Measure and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=100, help="started by each side, in turn")
    given = parser.parse_args()
    number = 10 if given.quick else given.jobs
    with open_engine() as engine:
        tell_latency(*measure(engine, number))
        for width in (1, 8):
            tell_requests(engine, number, width)


def measure(engine: Engine, number: int) -> tuple[list[float], ...]:
    """Seconds: the SDK's create to started, ours from submit to started, ours from exited to finished in the store.

    And the SDK's from the same event of its container's end until it has the exit code and the output.
    """
    bare, started, recorded, noticed = [], [], [], []
    spec = ContainerSpec(image=engine.image, command=("true",))
    client = engine.client()
    ends = Ends()
    with (
        manager_of(engine.base_url, plugin=ends) as manager,
        BackgroundWorker(manager.worker()),
        Events(client) as events,
    ):
        for count in range(number + 2):
            began = time.time()
            container = client.containers.create(engine.image, ["true"])
            container.start()
            of_sdk = events.time_of(container.id, "start") - began
            container.wait()
            container.logs()
            harvested = time.time()
            container.remove()
            began = time.time()
            manager.submit(spec)
            execution_id, stored = ends.next()
            of_ours = events.time_of(execution_id, "start") - began
            if count >= 2:  # the first two connect
                bare.append(of_sdk)
                noticed.append(harvested - events.time_of(container.id, "die"))
                started.append(of_ours)
                recorded.append(stored - events.time_of(execution_id, "die"))
            time.sleep(0.3)  # idle again
    client.close()
    return bare, started, recorded, noticed


def tell_latency(bare: list[float], started: list[float], recorded: list[float], noticed: list[float]) -> None:
    """Print what each side took."""
    for percent, most in ((50, 30.0), (99, 80.0)):
        ours, other = (1000 * percentile(times, percent) for times in (started, bare))
        show(
            Figure(
                what=f"submit to container started, idle worker, beside bare create and start, p{percent}",
                ours=f"{ours:.0f} ms",
                beside=f"{other:.0f} ms",
                value=ours - other,
                unit="ms more",
                most=most,
            )
        )
    show(
        Figure(
            what=f"container's exit to job finished in the store, p50 of {len(recorded)}",
            beside=f"{1000 * statistics.median(noticed):.0f} ms until the SDK has code and output",
            value=1000 * statistics.median(recorded),
            unit="ms",
            most=60.0,
        )
    )


def tell_requests(engine: Engine, number: int, width: int) -> None:
    """Print how many requests a job costs, so many at a time."""
    with Counting(engine.base_url) as relay, manager_of(relay.base_url, width) as manager:
        manager.submit_many([ContainerSpec(image=engine.image, command=("true",)) for _ in range(number)])
        manager.worker().run(drain=True)
        requests = relay.requests
    of_jobs = Counter({kind: count for kind, count in requests.items() if kind not in ("GET /events", "GET /version")})
    show(
        Figure(
            what=f"engine requests a job, launch to cleanup, {width} at a time",
            ours=", ".join(f"{kind} {count / number:.2f}" for kind, count in sorted(requests.items())),
            value=of_jobs.total() / number,
            most=6.0,
        )
    )


if __name__ == "__main__":
    main()
