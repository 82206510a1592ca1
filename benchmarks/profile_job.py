"""Where the time of one Docker job goes, beside the same steps of the docker SDK alone.

    python benchmarks/profile_job.py [--quick] [--jobs N]

In turn, on the same engine: the SDK creates, starts, waits for, reads the output of, inspects and removes a container
of `true`; and one such job is submitted to a SQLite store that an idle worker in this process watches. The steps of
ours follow each other without a gap from `submit` to the moment at which the job's end is stored; what comes after that
is told apart. Times are those of the hook `container_manager_job_changed`, which is called when a move is stored; of
the requests, as they leave this process and their answers come back (`measuring.traffic.Requests`); and of the engine's
own events. Told are medians, which need not add up, and the share of each in the whole.
"""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import docker
from measuring.engine_events import Events
from measuring.figure import Figure, options, show
from measuring.managed import WAIT_SECONDS, manager_of
from measuring.traffic import Request, Requests

from container_manager_core import ContainerManager, ContainerSpec, Job, JobStatus
from container_manager_core.background import BackgroundWorker
from container_manager_core.hookspecs import hookimpl
from support.engine import Engine, open_engine

_PAUSE_SECONDS = 0.3
_KINDS = {
    "create": ("POST", "/containers/create"),
    "start": ("POST", "/start"),
    "inspect": ("GET", "/json"),
    "wait": ("POST", "/wait"),
    "logs": ("GET", "/logs"),
    "remove": ("DELETE", ""),
}

Steps = Mapping[str, float]
"""Seconds by step, in order."""


def main() -> None:
    """Measure and print the rows."""
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=50, help="of each side, in turn")
    given = parser.parse_args()
    number = 5 if given.quick else given.jobs
    with open_engine() as engine:
        tell(*measure(engine, number))


def measure(engine: Engine, number: int) -> tuple[Sequence[Steps], Sequence[Steps]]:
    """The steps of each job: ours, and the SDK's."""
    ours, bare = [], []
    moves, requests, client = Moves(), Requests(), engine.client()
    with (
        manager_of(engine.base_url, plugin=moves) as manager,
        BackgroundWorker(manager.worker()),
        Events(client) as events,
    ):
        for count in range(number + 2):
            of_sdk = by_sdk(client, engine.image, events, requests)
            of_ours = by_manager(manager, engine.image, events, requests, moves)
            if count >= 2:  # the first two connect
                bare.append(of_sdk)
                ours.append(of_ours)
    client.close()
    return ours, bare


def by_sdk(client: docker.DockerClient, image: str, events: Events, requests: Requests) -> Steps:
    """One container by the SDK alone."""
    requests.take()
    began = time.time()
    container = client.containers.create(image, ["true"])
    container.start()
    container.wait()
    container.logs()
    container.reload()
    ended = time.time()
    container.remove()
    sent = by_kind(requests.take())
    run = events.time_of(container.id, "die") - events.time_of(container.id, "start")
    return {
        "request: create": sent["create"].answered - sent["create"].sent,
        "request: start": sent["start"].answered - sent["start"].sent,
        "the end is noticed": sent["wait"].answered - sent["start"].answered,
        "request: inspect": sent["inspect"].answered - sent["inspect"].sent,
        "request: logs": sent["logs"].answered - sent["logs"].sent,
        "in all": ended - began,
        "meanwhile: the container runs": run,
        "afterwards: request: remove": sent["remove"].answered - sent["remove"].sent,
    }


def by_manager(manager: ContainerManager, image: str, events: Events, requests: Requests, moves: "Moves") -> Steps:
    """One job, with an idle worker."""
    requests.take()
    moves.forget()
    time.sleep(_PAUSE_SECONDS)  # idle again
    began = time.time()
    manager.submit(ContainerSpec(image=image, command=("true",)))
    job, moved = moves.until_ended()
    time.sleep(_PAUSE_SECONDS)
    execution_id = job.execution.execution_id or "" if job.execution else ""
    sent = by_kind(requests.take())
    started, died = (events.time_of(execution_id, event) for event in ("start", "die"))
    times = {
        "": began,
        "submit: the job is stored": moved[JobStatus.PENDING],
        "the worker wakes, claims and routes it, and stores that it launches": moved[JobStatus.LAUNCHING],
        "to the launch": sent["create"].sent,
        "request: create": sent["create"].answered,
        "between the requests": sent["start"].sent,
        "request: start": sent["start"].answered,
        "stored as running": moved[JobStatus.RUNNING],
        "the end is noticed": sent["inspect"].sent,
        "request: inspect": sent["inspect"].answered,
        "to the output": sent["logs"].sent,
        "request: logs": sent["logs"].answered,
        "its output and end are stored": moved[job.status],
    }
    return {
        **{name: time_of - before for (_, before), (name, time_of) in pairwise(times.items())},
        "in all": moved[job.status] - began,
        "meanwhile: the container runs": died - started,
        "meanwhile: from the container's end to its inspection": sent["inspect"].sent - died,
        "afterwards: to the removal": sent["remove"].sent - moved[job.status],
        "afterwards: request: remove": sent["remove"].answered - sent["remove"].sent,
    }


class Moves:
    """Hears when each status of a job was stored; for one job at a time."""

    def __init__(self) -> None:
        self._times: dict[JobStatus, float] = {}
        self._job: Job | None = None
        self._changed = threading.Condition()

    @hookimpl
    def container_manager_job_changed(self, job: Job) -> None:
        with self._changed:
            self._times[job.status], self._job = time.time(), job
            self._changed.notify_all()

    def forget(self) -> None:
        """Be ready for the next job."""
        with self._changed:
            self._times, self._job = {}, None

    def until_ended(self) -> tuple[Job, Mapping[JobStatus, float]]:
        """The job, and when each status was stored; waits for its end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._job and self._job.status.is_terminal, WAIT_SECONDS):
                raise SystemExit(f"the job did not end: {self._times}")
            assert self._job is not None
            return self._job, self._times


def by_kind(requests: Sequence[Request]) -> Mapping[str, Request]:
    """The last request of each kind about one container: the SDK inspects it once more, right after its creation."""
    found = {}
    for request in requests:
        method, _, path = request.line.partition(" ")
        if "/images/" in path or path.endswith("/containers/json"):
            continue
        for kind, (wanted, ending) in _KINDS.items():
            if method == wanted and path.endswith(ending):
                found[kind] = request
                break
    return found


def tell(ours: Sequence[Steps], bare: Sequence[Steps]) -> None:
    """Print a row for each step."""
    medians, beside = (_medians(steps) for steps in (ours, bare))
    for name, seconds in medians.items():
        show(
            Figure(
                what=f"one Docker job, {name}",
                ours=f"{1000 * seconds:.1f} ms",
                beside=f"{1000 * beside[name]:.1f} ms" if name in beside else "",
                value=100 * seconds / medians["in all"],
                unit="%",
            )
        )


def _medians(jobs: Sequence[Steps]) -> Steps:
    gathered: dict[str, list[float]] = defaultdict(list)
    for steps in jobs:
        for name, seconds in steps.items():
            gathered[name].append(seconds)
    return {name: statistics.median(times) for name, times in gathered.items()}


if __name__ == "__main__":
    main()
