"""Runs the clouds' containers on the local Docker engine: real output, exit codes and limits."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs
import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

LABEL = "local-clouds"
"""Every container has this label; its value is the cloud's name."""

# An output stream on which nothing comes ends at the client's read timeout.
_PATIENCE_SECONDS = 86400

OnLine = Callable[[str, datetime, bytes], None]
"""Takes a line of output without its newline: the stream (``stdout`` or ``stderr``), its time and its bytes."""


@attrs.frozen(kw_only=True)
class Wanted:
    """What a cloud wants to be run.

    Attributes:
        name: the container's name on the engine.
        image, command, entrypoint, environment, user, working_directory: as in a container's configuration.
        memory_mib, cpus: hard limits.
        labels: put on the container beside `LABEL`.
    """

    name: str
    image: str
    command: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = attrs.field(factory=dict)
    user: str | None = None
    working_directory: str | None = None
    memory_mib: int | None = None
    cpus: float | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class End:
    """How a container ended.

    Attributes:
        exit_code: the command's; None when it never ran.
        out_of_memory: whether the engine killed it for its memory.
        problem: why it never ran, in the engine's words.
        image_problem: whether that was the image.
        started_at, finished_at: the engine's times.
    """

    exit_code: int | None = None
    out_of_memory: bool = False
    problem: str = ""
    image_problem: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Container:
    """One container, followed by a thread until it has ended.

    Args:
        engine: the local engine.
        cloud: value of its `LABEL`.
        wanted: what to run.
        on_start: called once it runs, with its id on the engine.
        on_line: called for each line of output, each stream in order.
        on_end: called once, after the last line.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        cloud: str,
        wanted: Wanted,
        *,
        on_start: Callable[[str], None],
        on_line: OnLine,
        on_end: Callable[[End], None],
    ) -> None:
        self._engine = engine
        self._cloud = cloud
        self._wanted = wanted
        self._on_start, self._on_line, self._on_end = on_start, on_line, on_end
        self._stopped = threading.Event()
        self._id: str | None = None
        self._thread = threading.Thread(target=self._follow, name=f"container {wanted.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL after the grace period. Blocks until it has stopped."""
        self._stopped.set()
        if self._id is not None:
            with suppress(NotFound):
                self._engine.api.stop(self._id, timeout=max(0, round(grace_seconds)))

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait until it has ended and its end was told."""
        self._thread.join(timeout_seconds)

    def _follow(self) -> None:
        try:
            self._id = self._create()
            if self._stopped.is_set():
                self._remove()
                self._on_end(End(problem="it was stopped before it started", finished_at=datetime.now(UTC)))
                return
            self._engine.api.start(self._id)
        except ImageNotFound as error:
            self._on_end(End(problem=str(error.explanation), image_problem=True, finished_at=datetime.now(UTC)))
            return
        except DockerException as error:
            self._remove()
            problem = str(getattr(error, "explanation", None) or error)
            self._on_end(End(problem=problem, finished_at=datetime.now(UTC)))
            return
        self._on_start(self._id)
        if self._stopped.is_set():
            self.stop(0)
        streams = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("stdout", "stderr")]
        for stream in streams:
            stream.start()
        self._engine.api.wait(self._id, timeout=None)
        for stream in streams:
            stream.join()
        end = _end_of(self._engine.api.inspect_container(self._id)["State"])
        self._remove()
        self._on_end(end)

    def _create(self) -> str:
        wanted = self._wanted
        limits: dict[str, Any] = {"log_config": {"Type": "local"}}
        if wanted.memory_mib is not None:
            limits |= {"mem_limit": f"{wanted.memory_mib}m", "memswap_limit": f"{wanted.memory_mib}m"}
        if wanted.cpus is not None:
            limits["nano_cpus"] = round(wanted.cpus * 1e9)
        make = self._engine.api.create_container
        options: dict[str, Any] = {
            "name": wanted.name,
            "command": list(wanted.command) or None,
            "entrypoint": list(wanted.entrypoint) if wanted.entrypoint is not None else None,
            "environment": dict(wanted.environment),
            "user": wanted.user,
            "working_dir": wanted.working_directory,
            "labels": {**wanted.labels, LABEL: self._cloud},
            "host_config": self._engine.api.create_host_config(**limits),
        }
        try:
            return str(make(wanted.image, **options)["Id"])
        except ImageNotFound:
            self._pull()
            return str(make(wanted.image, **options)["Id"])

    def _pull(self) -> None:
        try:
            self._engine.images.pull(self._wanted.image)
        except APIError as error:
            words = f"{self._wanted.image}: {error.explanation or error}"
            raise ImageNotFound(words, explanation=words) from error

    def _read(self, stream: str) -> None:
        rest, taken = b"", 0
        for piece in self._output(stream, follow=True):
            taken += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._on_line(stream, datetime.now(UTC), line)
        self._engine.api.wait(self._id or "", timeout=None)
        # An engine may end the stream of a container that ends in that moment without its last output.
        rest += b"".join(self._output(stream, follow=False))[taken:]
        for line in rest.removesuffix(b"\n").split(b"\n") if rest else ():
            self._on_line(stream, datetime.now(UTC), line)

    def _output(self, stream: str, *, follow: bool) -> Iterator[bytes]:
        return self._engine.api.logs(
            self._id or "", stdout=stream == "stdout", stderr=stream == "stderr", stream=True, follow=follow
        )

    def _remove(self) -> None:
        if self._id is not None:
            with suppress(NotFound):
                self._engine.api.remove_container(self._id, force=True, v=True)


def left_behind(engine: docker.DockerClient, cloud: str) -> Iterator[str]:
    """Ids of containers of a cloud that a server which was killed left on the engine."""
    for container in engine.api.containers(all=True, filters={"label": f"{LABEL}={cloud}"}):
        yield container["Id"]


def local_engine(base_url: str | None = None) -> docker.DockerClient:
    """A client of the local engine: the one of the address, else of DOCKER_HOST, else the local socket."""
    if base_url is not None:
        engine = docker.DockerClient(base_url=base_url, timeout=_PATIENCE_SECONDS, max_pool_size=256)
    else:
        engine = docker.from_env(timeout=_PATIENCE_SECONDS, max_pool_size=256)
    engine.api.trust_env = False  # no proxy stands before it; its threads would read the environment with each request
    return engine


def _end_of(state: Mapping[str, Any]) -> End:
    return End(
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
        started_at=_time(state["StartedAt"]),
        finished_at=_time(state["FinishedAt"]),
    )


def _time(text: str) -> datetime | None:
    """The engine's time, whose nanoseconds Python cannot read."""
    if text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).replace(microsecond=int(text[20:26].rstrip("Z") or 0))
