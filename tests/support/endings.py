"""Jobs whose whole life can be checked afterwards: what they wrote, how often they began."""

import time
from collections import Counter
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from uuid import UUID

import docker

from container_manager_core import ContainerManager, ContainerSpec, JobQuery, JobStatus, Mount
from support.engine import Engine

_SCRIPT = """
trap 'kill $!; exit 143' TERM
echo begin {number}; echo note {number} >&2
sleep {seconds:.2f} & wait $!
seq 1 200
echo end {number}
"""
_TRACE = "echo $CONTAINER_MANAGER_JOB_ID $CONTAINER_MANAGER_ATTEMPT >> /witness/begun"


class Witness:
    """A folder in which every attempt of a job leaves a trace when it begins. The engine is on this machine.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    def spec(self, image: str, number: int, seconds: float, *, stubborn: bool = False) -> ContainerSpec:
        """As `numbered`, with a trace; a stubborn one does not listen to SIGTERM."""
        script = _SCRIPT.format(number=number, seconds=seconds)
        if stubborn:
            script = script.replace("'kill $!; exit 143'", "''")
        mount = Mount(target="/witness", source=str(self._folder))
        return ContainerSpec(image=image, command=("sh", "-c", f"{_TRACE}\n{script}"), mounts=(mount,))

    @property
    def begun(self) -> Counter[tuple[str, int]]:
        """How often each attempt of each job began."""
        path = self._folder / "begun"
        pairs = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return Counter((job_id, int(attempt)) for job_id, attempt in pairs)


def numbered(image: str, number: int, seconds: float) -> ContainerSpec:
    """A job that writes to both streams before its work, and much to one after it."""
    return ContainerSpec(image=image, command=("sh", "-c", _SCRIPT.format(number=number, seconds=seconds)))


def assert_whole_output(manager: ContainerManager, jobs: list[UUID], unheard: Collection[UUID] = ()) -> None:
    """Each job's stored output is all that its command wrote; its number is its place in the list.

    Args:
        manager: has the output.
        jobs: their ids, in the order of their numbers.
        unheard: jobs of which the end of the output may be missing.
    """
    for number, job_id in enumerate(jobs):
        written = "\n".join([f"begin {number}", *map(str, range(1, 201)), f"end {number}", ""])
        output = manager.logs(job_id)
        stored = output.stdout.decode()
        assert stored == (written[: len(stored)] if job_id in unheard else written), f"job {number}: {job_id}"
        assert output.stderr.decode() == f"note {number}\n"


def assert_completed(manager: ContainerManager, jobs: list[UUID]) -> None:
    """Each has ended well."""
    ended = {job_id: manager.get(job_id) for job_id in jobs}
    bad = [f"{job.id} {job.status}: {job.failure}" for job in ended.values() if job.status is not JobStatus.COMPLETED]
    assert not bad, "\n".join(bad)


def left_over(engine: Engine, installation_id: str) -> list[str]:
    """The containers of an installation that still exist."""
    with closing(engine.client()) as client:
        return [container.attrs["Names"][0] for container in containers(client, installation_id)]


def containers(
    client: docker.DockerClient, installation_id: str, **filters: str
) -> list[docker.models.containers.Container]:
    """The containers of an installation, whether they run or not."""
    label = f"container-manager.installation={installation_id}"
    # Sparse: one that is being removed meanwhile is no error.
    return list(client.containers.list(all=True, sparse=True, filters={"label": label, **filters}))


def wait_until_ended(manager: ContainerManager, seconds: float) -> None:
    """Return when every job has ended and nothing of it is left to be cleaned up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        jobs = manager.list(JobQuery(limit=10_000))
        if all(job.status.is_terminal and not job.needs_attention for job in jobs):
            return
        time.sleep(0.1)
    unfinished = [f"{job.id} {job.status.value} {job.waiting or ''}" for job in jobs if job.needs_attention]
    raise AssertionError(f"after {seconds} s these jobs are not done: {unfinished}")


def wait_until_running(manager: ContainerManager, count: int, seconds: float) -> None:
    """Return when so many jobs run at once."""
    deadline = time.monotonic() + seconds
    while len(manager.list(JobQuery(statuses=(JobStatus.RUNNING,), limit=count))) < count:
        assert time.monotonic() < deadline, f"after {seconds} s: {manager.store.count()}"
        time.sleep(0.05)
