"""What an engine lists of an installation's containers; those that go on running are seldom listed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from container_manager_core.clock import Clock
from container_manager_core.executor import ExecutionState
from container_manager_docker.client import Engine
from container_manager_docker.translation.answers import understood
from container_manager_docker.translation.configuration import INSTALLATION_LABEL
from container_manager_docker.translation.states import NOT_FOUND, RUNNING, listed_state

_WHOLE_SECONDS = 15.0


class Listing:
    """All containers of an installation, or of those that ran a moment ago only what became of them.

    To list 200 containers takes an engine five times as long as to find those that ended. So what ran when all were
    listed counts as running until it is listed as ended, is found missing, or 15 seconds have passed.

    Args:
        engine: who lists.
        installation_id: whose containers.
        clock: tells how long ago all were listed.
    """

    def __init__(self, engine: Engine, installation_id: str, clock: Clock) -> None:
        self._engine = engine
        self._label = f"{INSTALLATION_LABEL}={installation_id}"
        self._clock = clock
        self._running: frozenset[str] = frozenset()
        self._whole_until = float("-inf")

    def all(self) -> Sequence[Mapping[str, Any]]:
        """Every container, as it is listed now."""
        return self._list({"label": [self._label]})

    def states(self, execution_ids: Sequence[str]) -> Mapping[str, ExecutionState]:
        """The states of these executions; `NOT_FOUND` for what is no container of ours."""
        with understood(self._engine.address):
            if self._clock.monotonic() < self._whole_until and self._running.issuperset(execution_ids):
                listed = _states(self._list({"label": [self._label], "status": ["exited"]}))
                return {execution_id: listed.get(execution_id, RUNNING) for execution_id in execution_ids}
            whole_until = self._clock.monotonic() + _WHOLE_SECONDS
            listed = _states(self.all())
        self._running = frozenset(execution_id for execution_id, state in listed.items() if state is RUNNING)
        self._whole_until = whole_until
        return {execution_id: listed.get(execution_id, NOT_FOUND) for execution_id in execution_ids}

    def forget(self, execution_id: str) -> None:
        """It is gone, or on its way: all are listed again when it is asked for."""
        self._running -= {execution_id}

    def _list(self, filters: Mapping[str, Sequence[str]]) -> Sequence[Mapping[str, Any]]:
        answer = self._engine.call(
            "GET", "/containers/json", action="list containers", params={"all": 1, "filters": json.dumps(filters)}
        )
        return list(answer.json())


def _states(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, ExecutionState]:
    return {container["Id"]: listed_state(container) for container in containers}
