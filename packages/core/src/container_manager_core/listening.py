"""Hearing from platforms at once when an execution ends: one thread for each host that can tell."""

import threading
from collections.abc import Callable

from container_manager_core.errors import ContainerManagerError
from container_manager_core.executor import Capability
from container_manager_core.fleet import Fleet
from container_manager_core.log import get_logger

_log = get_logger()

OnEvent = Callable[[str, str | None], None]
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


class Listeners:
    """Follows the events of hosts, from the first job there until `stop`.

    Args:
        fleet: the hosts.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._heard: set[str] = set()
        self._stopped = threading.Event()

    def listen(self, host: str, on_event: OnEvent) -> None:
        """Follow a host's events from now on, if it has any. Calling again does nothing."""
        if host in self._heard:
            return
        self._heard.add(host)
        name = f"container-manager {host} events"
        threading.Thread(target=self._follow, args=(host, on_event), name=name, daemon=True).start()

    def stop(self) -> None:
        """End all threads within about a second."""
        self._stopped.set()

    def _follow(self, host: str, on_event: OnEvent) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            try:
                executor = self._fleet.executor(host)
                if Capability.EVENTS not in executor.capabilities:
                    return
                for event in executor.events(self._stopped):
                    pause = FIRST_PAUSE_SECONDS
                    on_event(host, event.execution_id)
            except ContainerManagerError as error:
                _log.warning("host.events_broken", host=host, error=str(error))
            except Exception:  # a plugin's mistake: polling goes on without events
                _log.exception("host.events_failed", host=host)
            self._stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
