"""How long a job waits for the manager: before its container starts, and after it has exited.

    python benchmarks/latency.py [--quick] [--jobs N]

In turn, on the same engine: the docker SDK creates and starts a container of `true`; and one job is submitted to a
SQLite store that an idle worker in this process watches. Its container's start and exit are the engine's own events,
with the engine's own times; the SDK's start is taken from its call to create on, likewise to the engine's event.
Requests to the engine are counted by a proxy between it and the worker, from the launch of the jobs to the last
clean-up; looks at the state of the host itself and the stream of events are told apart.
"""

import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from measuring.figure import Figure, options, percentile, show

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, Job, Plugins, WorkerSettings
from container_manager_core.background import BackgroundWorker
from container_manager_core.hookspecs import hookimpl
from support.engine import Engine, open_engine
from support.proxy import FaultyProxy

_WAIT_SECONDS = 60.0


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
        manager_of(engine.base_url, ends=ends) as manager,
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


@contextmanager
def manager_of(base_url: str, width: int = 8, ends: "Ends | None" = None) -> Iterator[ContainerManager]:
    """A manager on a SQLite store, with this engine as its only host."""
    with tempfile.TemporaryDirectory() as folder:
        host = Host(name="local", executor="docker", max_concurrent_jobs=width, config={"base_url": base_url})
        config = Config(
            store=f"sqlite:///{Path(folder) / 'jobs.sqlite3'}",
            worker=WorkerSettings(max_concurrent_jobs=width),
            hosts={"local": host},
        )
        plugins = Plugins.load(also=[("benchmark", ends)] if ends else [])
        with ContainerManager(config, plugins=plugins) as manager:
            yield manager


class Ends:
    """Hears of every job that has ended, as soon as that is stored."""

    def __init__(self) -> None:
        self._heard: SimpleQueue[tuple[str, float]] = SimpleQueue()

    @hookimpl
    def container_manager_job_changed(self, job: Job) -> None:
        if job.status.is_terminal and job.execution is not None:
            self._heard.put((job.execution.execution_id or "", time.time()))

    def next(self) -> tuple[str, float]:
        """The execution of the next one, and when that was; waits for it."""
        return self._heard.get(timeout=_WAIT_SECONDS)


class Counting(FaultyProxy):
    """A proxy on which nothing fails.

    Attributes:
        requests: how many of each kind have passed.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target, rates={}, seed=0)
        self.requests: Counter[str] = Counter()

    def fault(self, request: str) -> None:
        self.requests["GET /images/ID/json" if "/images/" in request else request] += 1


class Events:
    """The engine's own times of what its containers do.

    Args:
        client: of the docker SDK.
    """

    def __init__(self, client: Any) -> None:
        self._stream = client.events(decode=True, since=datetime.now(UTC), filters={"event": ["start", "die"]})
        self._times: dict[tuple[str, str], float] = {}
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Events":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def time_of(self, container: str, event: str) -> float:
        """Seconds since 1970; waits for it."""
        key = container, event
        with self._heard:
            if not self._heard.wait_for(lambda: key in self._times, _WAIT_SECONDS):
                raise SystemExit(f"the engine told nothing of the {event} of {container}")
            return self._times[key]

    def _listen(self) -> None:
        for event in self._stream:
            with self._heard:
                self._times[event["id"], event["Action"]] = event["timeNano"] / 1e9
                self._heard.notify_all()


if __name__ == "__main__":
    main()
