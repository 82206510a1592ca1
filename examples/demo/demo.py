"""Runs a handful of containers, shows their output as it comes, and what became of each.

Run it with ``nox -s demo``.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from container_manager_core import Config, ContainerManager, ContainerSpec, Host, Job, PullPolicy, Resources
from container_manager_core.executor import Capability
from support.engine import open_engine
from support.unavailable import ServiceUnavailable

COLOURS = {"hello": "green", "exit-3": "yellow", "timeout": "cyan", "out-of-memory": "magenta", "no-such-image": "red"}
console = Console(highlight=False)


@attrs.frozen(kw_only=True)
class Place:
    """Where the demo's jobs run, and the image they use."""

    host: Host
    image: str


def demo_jobs(image: str) -> dict[str, ContainerSpec]:
    """What the demo runs, by name."""
    count = "for number in 1 2 3; do echo line $number; sleep 0.4; done; echo a word on stderr >&2"
    return {
        "hello": ContainerSpec(image=image, command=["sh", "-c", count]),
        "exit-3": ContainerSpec(image=image, command=["sh", "-c", "echo this goes wrong >&2; exit 3"]),
        "timeout": ContainerSpec(
            image=image, command=["sh", "-c", "echo sleeping; sleep 60"], timeout_seconds=2, stop_grace_seconds=1
        ),
        "out-of-memory": ContainerSpec(
            image=image,
            command=["sh", "-c", "echo reading zeros into memory; tail /dev/zero"],
            resources=Resources(memory_mib=64),
            timeout_seconds=30,
        ),
        "no-such-image": ContainerSpec(image="container-manager/no-such-image:1", pull=PullPolicy.NEVER),
    }


NEEDS = {"out-of-memory": Capability.MEMORY_LIMIT, "no-such-image": Capability.IMAGES}
"""What a job shows only on an executor that can do it."""


@contextmanager
def place_to_run() -> Iterator[Place]:
    """A Docker engine, or plain processes where none can be had."""
    try:
        opening = open_engine()
        engine = opening.__enter__()
    except ServiceUnavailable as error:
        console.print(f"No containers on this machine: {error}.", style="bold yellow")
        console.print("The same jobs run as plain processes instead, without isolation.\n", style="bold yellow")
        yield Place(host=Host(name="demo", executor="process"), image="none")
        return
    try:
        kind = "a private Docker engine, started for this demo" if engine.is_private else "the Docker engine"
        console.print(f"Running on {kind} at {engine.base_url}\n", style="bold")
        yield Place(host=Host(name="demo", executor="docker", config={"base_url": engine.base_url}), image=engine.image)
    finally:
        opening.__exit__(None, None, None)


def show_output(manager: ContainerManager, job: Job) -> None:
    """Print a job's output as it comes, each line with the job's name and stream."""
    for chunk in manager.follow(job.id):
        for line in chunk.data.decode(errors="replace").splitlines():
            console.print(Text(f"{job.name:>14} {chunk.stream.value} | {line}", style=COLOURS[job.name]))


def table_of(jobs: Sequence[Job]) -> Table:
    """What became of each job."""
    table = Table(title="What became of each", title_justify="left")
    for heading in ("job", "status", "exit code", "failure", "seconds", "memory"):
        table.add_column(heading, justify="right" if heading in ("exit code", "seconds", "memory") else "left")
    for job in jobs:
        execution = job.execution
        seconds, memory = "", ""
        if execution and execution.started_at and execution.finished_at:
            seconds = f"{(execution.finished_at - execution.started_at).total_seconds():.1f}"
        if execution and execution.usage and execution.usage.peak_memory_bytes:
            memory = f"{execution.usage.peak_memory_bytes / 1024**2:.1f} MiB"
        code = "" if job.exit_code is None else str(job.exit_code)
        table.add_row(job.name, job.status.value, code, job.failure.kind.value if job.failure else "", seconds, memory)
    return table


def main() -> None:
    with place_to_run() as place, ContainerManager(Config(store="memory:"), hosts=[place.host]) as manager:
        abilities = manager.plugins.executor_type(place.host.executor).capabilities
        jobs = []
        for name, spec in demo_jobs(place.image).items():
            if name in NEEDS and NEEDS[name] not in abilities:
                console.print(f"{name} is left out: the {place.host.executor} executor has no {NEEDS[name].value}.")
            else:
                jobs.append(manager.submit(spec, name=name, host=place.host.name))
        worker = manager.worker()
        threads = [threading.Thread(target=show_output, args=(manager, job), daemon=True) for job in jobs]
        working = threading.Thread(target=worker.run, kwargs={"drain": True}, daemon=True)
        working.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        working.join()
        ended = [manager.get(job.id) for job in jobs]
        console.print()
        console.print(table_of(ended))
        for job in ended:
            if job.failure:
                console.print(f"{job.name}: {job.failure.message}; {job.failure.hint}".removesuffix("; "))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
