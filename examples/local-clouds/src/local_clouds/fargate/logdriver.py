"""The log driver ``awslogs``: takes lines of output and puts them, in batches, into moto's CloudWatch Logs.

Like the real one it has no empty lines, cuts lines at 256 KiB and does not tell stdout from stderr.
"""

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend, logs_backends

from local_clouds.fargate import logevents
from local_clouds.fargate.faults import Faults

_LONGEST_PIECE = 262_118
_PAUSE_SECONDS = 0.05
_EVENTS_PER_BATCH = 10_000


@attrs.frozen(order=True)
class _Event:
    due_at: float
    number: int
    stream: str = attrs.field(order=False)
    timestamp: int = attrs.field(order=False)
    message: str = attrs.field(order=False)


class LogDriver:
    """Takes output from every container and delivers it from one thread.

    Args:
        account_id, region: whose logs.
        faults: say how late output is.
    """

    def __init__(self, account_id: str, region: str, faults: Faults) -> None:
        self._backend: LogsBackend = logs_backends[account_id][region]
        self._region = region
        self._faults = faults
        self._waiting: list[_Event] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._delivering = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log driver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is due, and end."""
        self._stopped.set()
        self._thread.join()

    def create_group(self, name: str) -> None:
        """A log group; one that exists is left as it is."""
        if name not in self._backend.groups:
            self._backend.create_log_group(name, {})

    def open(self, group: str, stream: str) -> str | None:
        """Make the stream of a task; or say why that cannot be."""
        try:
            self._backend.ensure_log_stream(group, stream)
        except ResourceNotFoundException:
            return (
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
                "failed to create Cloudwatch log stream: ResourceNotFoundException: "
                "The specified log group does not exist."
            )
        return None

    def write(self, group: str, stream: str, written_at: datetime, line: bytes) -> None:
        """Take one line; an empty one is lost, as the platform has no empty events."""
        timestamp = int(written_at.timestamp() * 1000)
        for start in range(0, len(line), _LONGEST_PIECE):
            piece = line[start : start + _LONGEST_PIECE].decode("utf-8", "replace")
            with self._lock:
                number = next(self._numbers)
                late = self._faults.lateness(number)
                due_at = time.monotonic() + late if late else 0.0
                self._waiting.append(_Event(due_at, number, f"{group}\0{stream}", timestamp, piece))

    def page(self, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to GetLogEvents; None for what moto answers as well."""
        return logevents.page(self._backend, wanted)

    def flush(self) -> None:
        """Deliver what is due: all of it, unless output is late."""
        with self._delivering:
            with self._lock:
                now = time.monotonic()
                due = [event for event in self._waiting if event.due_at <= now]
                self._waiting = [event for event in self._waiting if event.due_at > now]
            by_stream: defaultdict[str, list[_Event]] = defaultdict(list)
            for event in due:
                by_stream[event.stream].append(event)
            for name, events in by_stream.items():
                self._put(name, sorted(events, key=lambda event: (event.timestamp, event.number)))

    def _put(self, name: str, events: list[_Event]) -> None:
        group, stream = name.split("\0")
        for start in range(0, len(events), _EVENTS_PER_BATCH):
            batch = [
                {"timestamp": event.timestamp, "message": event.message}
                for event in events[start : start + _EVENTS_PER_BATCH]
            ]
            try:
                self._backend.put_log_events(group, stream, batch)
            except ResourceNotFoundException:
                return  # the stream was deleted meanwhile

    def _run(self) -> None:
        while not self._stopped.wait(_PAUSE_SECONDS):
            self.flush()
        self.flush()
