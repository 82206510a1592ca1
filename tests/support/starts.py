"""Counting what an engine really starts, from its own events."""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

import docker
import docker.errors
import requests

from support.engine import Engine


class ContainerStarts:
    """Listens to an engine's events while the block runs, for the containers with a label.

    Attributes:
        by_name: how often each container name was started.
        most_running: the most of them that ran at once.
    """

    def __init__(self, engine: Engine, label: str) -> None:
        self.by_name: Counter[str] = Counter()
        self.most_running = 0
        self._running: set[str] = set()
        self._client: docker.DockerClient = engine.client()
        filters = {"type": "container", "event": ["start", "die"], "label": label}
        self._events = self._client.events(decode=True, filters=filters)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._events.close()
        self._thread.join(5)
        self._client.close()

    @property
    def twice(self) -> list[str]:
        """The names that were started more than once."""
        return sorted(name for name, times in self.by_name.items() if times > 1)

    def _listen(self) -> None:
        try:
            for event in self._events:
                self._note(event["Action"], event["Actor"]["Attributes"]["name"])
        except (docker.errors.DockerException, requests.RequestException, OSError, ValueError):
            return  # closed from outside

    def _note(self, action: str, name: str) -> None:
        if action == "start":
            self.by_name[name] += 1
            self._running.add(name)
            self.most_running = max(self.most_running, len(self._running))
        else:
            self._running.discard(name)


class StartCounter(ContainerStarts):
    """The same for the containers of one installation."""

    def __init__(self, engine: Engine, installation_id: str) -> None:
        super().__init__(engine, f"container-manager.installation={installation_id}")
