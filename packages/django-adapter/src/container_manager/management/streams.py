"""A container's output on the streams of a management command."""

import sys
from typing import Any, Protocol

from django.core.management.base import OutputWrapper

from container_manager_core.cli.output import LiveOutput
from container_manager_core.executor import Stream


class OutputTarget(Protocol):
    """Takes a container's output, and lines of progress."""

    reader_gone: bool

    def write(self, stream: Stream, data: bytes) -> None:
        """Write a piece of one stream, and flush it."""
        ...

    def report(self, line: str) -> None:
        """Show a line of progress to a person."""
        ...


class TextTarget:
    """Output as text: for a command whose streams are no files, as with ``call_command(..., stdout=StringIO())``."""

    def __init__(self, stdout: Any, stderr: Any) -> None:
        self.reader_gone = False
        self._files = {Stream.STDOUT: stdout, Stream.STDERR: stderr}

    def write(self, stream: Stream, data: bytes) -> None:
        self._files[stream].write(data.decode("utf-8", "replace"), ending="")

    def report(self, line: str) -> None:
        pass


def output_target(stdout: OutputWrapper, stderr: OutputWrapper, *, all_to_stderr: bool = False) -> OutputTarget:
    """What takes the output of a command's job: byte for byte where the command writes to the process's own streams.

    Args:
        all_to_stderr: which leaves stdout to something else.
    """
    if getattr(stdout, "_out", None) is sys.stdout and hasattr(sys.stdout, "buffer"):
        return LiveOutput(stdout_to_stderr=all_to_stderr)
    return TextTarget(stderr if all_to_stderr else stdout, stderr)
