"""The engine's event stream: which containers of an installation ended, as it happens."""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import requests

from container_manager_core.errors import TransientError
from container_manager_core.executor import ExecutionEvent
from container_manager_docker.client import Engine, lines
from container_manager_docker.translation.answers import understood
from container_manager_docker.translation.configuration import INSTALLATION_LABEL
from container_manager_docker.translation.connections import STREAM_ERRORS, unreachable

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 0.1
_SIGNALLED_SETTLE_SECONDS = 1.0
"""An engine tells that it sent a signal only after the signal arrived: on a busy machine, after the end."""
_STOP_SIGNALS = ("2", "3", "9", "15")

_Item = Mapping[str, Any] | TransientError


def watch(
    engine: Engine, installation_id: str, stopped: threading.Event, on_stop_signal: Callable[[str], None]
) -> Iterator[ExecutionEvent]:
    """One event when the stream is open, then one for each container of the installation that ends.

    Args:
        engine: who tells.
        installation_id: whose containers.
        stopped: ends the iteration, within a second.
        on_stop_signal: takes the id of a container that was sent a signal to stop, by whomever.

    Raises:
        TransientError: the stream cannot be opened, or broke.
    """
    filters = {"type": ["container"], "event": ["die", "kill"], "label": [f"{INSTALLATION_LABEL}={installation_id}"]}
    answer = engine.call(
        "GET", "/events", action="tell its events", params={"filters": json.dumps(filters)}, stream=True, timeout=0
    )
    items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
    # The stream is read in a thread: a read with a time limit would spoil it for the next read.
    reader = threading.Thread(target=_read, args=(engine, answer, items), name="docker-events", daemon=True)
    reader.start()
    try:
        yield ExecutionEvent()
        while not stopped.is_set():
            try:
                item = items.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(item, TransientError):
                raise item
            with understood(engine.address):
                found = list(_events(item, on_stop_signal))
            yield from found
    finally:
        _cut(answer)


class Ending(StrEnum):
    """What an engine remembers of how a container came to its end."""

    STOPPED = "stopped"
    """It was sent a signal to stop."""
    OUT_OF_MEMORY = "out-of-memory"
    """A process of it was killed for want of memory. A busy engine's state of the container can lack that."""


def remembered_ending(engine: Engine, container_id: str, finished_at: float, exit_code: int) -> Ending | None:
    """What the engine remembers of the last minute of a container that ended; None for nothing of note.

    Waits until a tenth of a second after the end, a second where the exit code is one of a signal.

    Args:
        engine: who remembers, but only its last 256 events and nothing from before its own start.
        container_id: which container.
        finished_at: when it ended, in seconds since 1970.
        exit_code: how it ended.
    """
    settled_at = finished_at + (_SIGNALLED_SETTLE_SECONDS if exit_code > 128 else _SETTLE_SECONDS)
    filters = {"type": ["container"], "event": ["kill", "oom"], "container": [container_id]}
    params = {"since": f"{finished_at - 60:.3f}", "until": f"{settled_at:.3f}", "filters": json.dumps(filters)}
    with engine.stream("GET", "/events", action="tell its events", params=params) as answer:
        happened = list(lines(answer))
    if any(_is_stop_signal(event) for event in happened):
        return Ending.STOPPED
    return Ending.OUT_OF_MEMORY if any(event.get("Action") == "oom" for event in happened) else None


def remembers_creation(engine: Engine, container_id: str, created_at: float, now: float) -> bool:
    """Whether the engine has run since it made the container, and so knows for certain whether it started it.

    An engine that is killed in the middle of a start can say "created" afterwards of what it had started. Its
    events do not outlive it. As it keeps only the last 256, a busy one that did not end may forget too.

    Args:
        engine: who remembers.
        container_id: which container.
        created_at: when it was made, in seconds since 1970.
        now: the engine's own time, likewise.
    """
    filters = {"type": ["container"], "event": ["create"], "container": [container_id]}
    params = {"since": f"{created_at - 1:.3f}", "until": f"{now:.3f}", "filters": json.dumps(filters)}
    with engine.stream("GET", "/events", action="tell its events", params=params) as answer:
        return any(event.get("Action") == "create" for event in lines(answer))


def _events(event: Mapping[str, Any], on_stop_signal: Callable[[str], None]) -> Iterator[ExecutionEvent]:
    container_id = event["Actor"]["ID"]
    if _is_stop_signal(event):
        on_stop_signal(container_id)
    if event.get("Action") == "die":
        yield ExecutionEvent(execution_id=container_id)


def _is_stop_signal(event: Mapping[str, Any]) -> bool:
    attributes = event["Actor"].get("Attributes") or {}
    return event.get("Action") == "kill" and attributes.get("signal") in _STOP_SIGNALS


def _read(engine: Engine, answer: requests.Response, items: "queue.SimpleQueue[_Item]") -> None:
    try:
        for event in lines(answer):
            items.put(event)
        items.put(TransientError(f"the engine at {engine.address} closed its event stream"))
    except (*STREAM_ERRORS, OSError, ValueError, AttributeError) as error:
        # AttributeError: what the HTTP library makes of a connection that `_cut` closed under it.
        failure = unreachable(error, engine.address)
        items.put(TransientError(failure.message, failure.kind, failure.hint))


def _cut(answer: requests.Response) -> None:
    """End a stream that another thread is reading: closing alone would wait for that read."""
    connection = getattr(answer.raw, "_connection", None)
    endpoint = getattr(connection, "sock", None)
    process = getattr(endpoint, "proc", None)
    if process is not None:
        process.terminate()
    elif endpoint is not None:
        with suppress(OSError):  # the engine closed it first
            endpoint.shutdown(socket.SHUT_RDWR)
    answer.close()
