"""The folder of one execution: what it says, and taking it away."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs

from container_manager_core.executor import LogChunk, LogPage, Stream
from container_manager_core.executors.process.command import Command


@attrs.frozen
class ExecutionFolder:
    """What is known of one execution. Reading changes nothing.

    Attributes:
        root: the installation's folder.
        name: the execution's name, which is its id too.
    """

    root: Path
    name: str

    @property
    def path(self) -> Path:
        """Where its files are."""
        return self.root / "executions" / self.name

    @property
    def ended_file(self) -> Path:
        """How it ended, once it has."""
        return self.root / "ended" / self.name

    def make(self) -> None:
        """Make it, unless it is there. Starts nothing, and claims nothing."""
        (self.root / "ended").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.path / "work").mkdir(mode=0o700, parents=True, exist_ok=True)

    def was_begun(self) -> bool:
        """Whether a supervisor ever took it. A folder without one was prepared and never started."""
        return (self.path / "begun").exists()

    def read_end(self) -> Mapping[str, Any] | None:
        """How it ended; None while it has not."""
        text = _read(self.ended_file)
        return json.loads(text) if text else None

    def read_command(self) -> Command | None:
        """The command's process; None until it is known."""
        return Command.parse(_read(self.path / "command"))

    def is_supervised(self) -> bool:
        """Whether the supervisor lives."""
        with self._locked(fcntl.LOCK_SH) as locked:
            return not locked

    def read_output(self, cursor: str, limit: int) -> LogPage:
        """The output after a cursor, which has the byte offsets of both streams: ``<stdout>:<stderr>``."""
        offsets = [int(offset) for offset in cursor.split(":")] if cursor else [0, 0]
        files = [self.path / stream.value for stream in Stream]
        left = [max(_size(file) - offset, 0) for file, offset in zip(files, offsets, strict=True)]
        wanted = [min(left[0], max(limit - left[1], (limit + 1) // 2)), 0]
        wanted[1] = min(left[1], limit - wanted[0])
        chunks = []
        for number, stream in enumerate(Stream):
            data = _read_part(files[number], offsets[number], wanted[number])
            offsets[number] += len(data)
            left[number] -= len(data)
            if data:
                chunks.append(LogChunk(stream, data))
        if not chunks:
            return LogPage(cursor=cursor)
        return LogPage(chunks=tuple(chunks), cursor=f"{offsets[0]}:{offsets[1]}", more=sum(left) > 0)

    def remove(self) -> bool:
        """Take everything away, and tell whether that was possible: not while a supervisor lives.

        It is moved away in one step, so that a half removed folder is never taken for one that was not begun.
        """
        with self._locked(fcntl.LOCK_EX) as locked:
            if not locked:
                return False
            removed = self.root / "removed"
            removed.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                self.path.rename(removed / f"{self.name}-{uuid4().hex}")
            self.ended_file.unlink(missing_ok=True)
            for leftover in removed.iterdir():
                shutil.rmtree(leftover, ignore_errors=True)
        return True

    @contextmanager
    def _locked(self, mode: int) -> Iterator[bool]:
        """Whether the supervisor's lock could be had, for as long as the context lasts."""
        try:
            file = os.open(self.path / "lock", os.O_RDWR)
        except (FileNotFoundError, NotADirectoryError):
            yield True
            return
        try:
            yield _lock(file, mode)
        finally:
            os.close(file)


def _lock(file: int, mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _read_part(path: Path, offset: int, size: int) -> bytes:
    if size <= 0:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError:
        return b""
