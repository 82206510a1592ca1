"""What signals do: to a worker, and to a command that waits for its job."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from container_manager_core.cli import exits

if TYPE_CHECKING:
    from container_manager_core.worker import Worker


@contextmanager
def stop_on_signals(worker: "Worker", program: str) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop a worker while the block runs; a second one ends the process at once.

    Args:
        program: names the process in what is said then.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            worker.stop()
            return
        # Written past Python's own buffers: the signal may have come in the middle of a write to them.
        os.write(2, f"{program}: ended at once by a second signal; another worker takes the jobs over\n".encode())
        os._exit(exits.INTERRUPTED if number == signal.SIGINT else exits.TERMINATED)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        # After a first signal the process is ending, and a second one still ends it at once.
        for number, handler in () if came else before.items():
            signal.signal(number, handler)


@contextmanager
def signals_interrupt() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, and note those that came."""
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    watched = [signal.SIGTERM, *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else [])]
    before = {number: signal.signal(number, interrupt) for number in watched}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
