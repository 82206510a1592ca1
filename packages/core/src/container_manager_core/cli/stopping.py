"""What signals do to a worker: the first one lets it end, the second one ends the process."""

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING

from container_manager_core.cli import exits

if TYPE_CHECKING:
    from container_manager_core.worker import Worker


def stop_on_signals(worker: "Worker", program: str) -> None:
    """Let SIGTERM and SIGINT stop a worker; a second one ends the process at once.

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

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
