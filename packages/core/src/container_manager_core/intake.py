"""Taking output over from a platform into the store: resumable, masked, in large pieces."""

import attrs

from container_manager_core.executor import LogPage, Stream
from container_manager_core.job import LogPosition
from container_manager_core.secrets import Masker
from container_manager_core.store.protocol import StoredLog


@attrs.define
class _Side:
    """One stream on its way: what is to be skipped, held back, and ready to be stored."""

    skip: int
    taken: int
    offset: int
    held: bytes = b""
    ready: bytearray = attrs.field(factory=bytearray)

    def add(self, data: bytes) -> None:
        if self.skip:
            dropped = min(self.skip, len(data))
            self.skip -= dropped
            data = data[dropped:]
        self.held += data

    def release(self, masker: Masker, final: bool) -> None:
        if self.held:
            masked, used = masker.mask(self.held, final)
            self.ready += masked
            self.taken += used
            self.held = self.held[used:]


class LogIntake:
    """Turns pages of a platform's output into pieces for the store.

    An end of a page that may be the beginning of a secret is held back until the next page. The
    position to resume from then stays behind that end, so that nothing but the store has to remember.

    Args:
        position: how far the output is stored already.
        masker: replaces secrets.
    """

    def __init__(self, position: LogPosition, masker: Masker) -> None:
        self._masker = masker
        self._base = position.cursor
        self._sides = {
            Stream.STDOUT: _Side(position.skip_stdout, position.skip_stdout, position.stdout_bytes),
            Stream.STDERR: _Side(position.skip_stderr, position.skip_stderr, position.stderr_bytes),
        }

    def take(self, page: LogPage) -> None:
        """Take over one page; pages come in order."""
        for chunk in page.chunks:
            side = self._sides[chunk.stream]
            side.add(chunk.data)
            side.release(self._masker, final=False)
        if not any(side.held or side.skip for side in self._sides.values()):
            self._base = page.cursor
            for side in self._sides.values():
                side.taken = 0

    def finish(self) -> None:
        """No page follows: let go of what was held back."""
        for side in self._sides.values():
            side.release(self._masker, final=True)

    @property
    def ready_bytes(self) -> int:
        """How much waits to be stored."""
        return sum(len(side.ready) for side in self._sides.values())

    def drain(self) -> tuple[tuple[StoredLog, ...], LogPosition]:
        """What is ready to be stored, and the position once it is."""
        pieces = []
        for stream, side in self._sides.items():
            if side.ready:
                pieces.append(StoredLog(stream=stream, offset=side.offset, data=bytes(side.ready)))
                side.offset += len(side.ready)
                side.ready = bytearray()
        out, err = self._sides[Stream.STDOUT], self._sides[Stream.STDERR]
        position = LogPosition(
            cursor=self._base,
            skip_stdout=out.taken,
            skip_stderr=err.taken,
            stdout_bytes=out.offset,
            stderr_bytes=err.offset,
        )
        return tuple(pieces), position
