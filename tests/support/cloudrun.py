"""What a storm of kills on a local cloud is checked with."""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

import docker
import requests
from docker.errors import DockerException
from local_clouds.cloudrun import LocalCloudRun

from container_manager_cloudrun.translation.definition import ATTEMPT_VARIABLE, JOB_VARIABLE
from support.engine import Engine


class Starts:
    """Counts what the engine starts for one local cloud, from the engine's own events, while the block runs.

    Args:
        engine: where its containers run.
        cloud: knows which attempt an execution is.
    """

    def __init__(self, engine: Engine, cloud: LocalCloudRun) -> None:
        self._cloud = cloud
        self._started: Counter[str] = Counter()
        self._client: docker.DockerClient = engine.client()
        label = f"local-clouds.server={cloud.cloud.server}"
        filters = {"type": "container", "event": ["start"], "label": label}
        self._events = self._client.events(decode=True, filters=filters)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def by_attempt(self) -> Counter[tuple[str, int]]:
        """How often each job's attempt was started."""
        counted: Counter[tuple[str, int]] = Counter()
        for name, times in self._started.items():
            variables = self._cloud.cloud.history[name]
            counted[variables[JOB_VARIABLE], int(variables[ATTEMPT_VARIABLE])] += times
        return counted

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._events.close()
        self._thread.join(5)
        self._client.close()

    def _listen(self) -> None:
        try:
            for event in self._events:
                self._started[event["Actor"]["Attributes"]["name"]] += 1
        except (DockerException, requests.RequestException, OSError, ValueError):
            return  # closed from outside
