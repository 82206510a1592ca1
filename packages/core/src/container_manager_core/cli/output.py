"""A container's output on this process's own streams, byte for byte."""

import os
import signal
import sys

from container_manager_core.cli.printing import PROGRAM, discard
from container_manager_core.executor import Stream


class LiveOutput:
    """Writes a command's output as it comes.

    Args:
        stdout_to_stderr: write both streams to stderr, which leaves stdout to something else.

    Attributes:
        reader_gone: whether somebody closed the other end. As with any program in a pipe the command
            is then stopped: the process gets a SIGTERM, which cancels the job.
    """

    def __init__(self, stdout_to_stderr: bool = False) -> None:
        self.reader_gone = False
        self._files = {Stream.STDOUT: sys.stderr if stdout_to_stderr else sys.stdout, Stream.STDERR: sys.stderr}
        self._closed: set[Stream] = set()

    def write(self, stream: Stream, data: bytes) -> None:
        """Write a piece of one stream, and flush it."""
        if stream in self._closed:
            return
        target = self._files[stream]
        try:
            target.buffer.write(data)
            target.buffer.flush()
        except BrokenPipeError:
            discard(target.fileno())
            self._closed.add(stream)
            self._stop()

    def report(self, line: str) -> None:
        """Show a line of progress to a person; nothing where stderr is no terminal."""
        if sys.stderr.isatty():
            print(f"{PROGRAM}: {line}", file=sys.stderr, flush=True)

    def _stop(self) -> None:
        if not self.reader_gone:
            self.reader_gone = True
            os.kill(os.getpid(), signal.SIGTERM)
