"""Which bytes of an output stream a store keeps, and how they are read back. Shared by all stores."""

from collections.abc import Iterable, Iterator

import attrs

from container_manager_core.spec import ContainerSpec
from container_manager_core.store.protocol import LogSlice

CHUNK_BYTES = 262_144
"""Longest chunk that is stored as one."""


def gap_marker(left_out_bytes: int) -> bytes:
    """What stands in a stream where bytes were left out."""
    return b"\n[... %d bytes left out ...]\n" % left_out_bytes


@attrs.frozen
class Chunk:
    """Consecutive bytes of a stream."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + len(self.data)


@attrs.frozen
class Retention:
    """Keeps the head and the tail of each stream, half of the limit each.

    What can be read is exact to the byte and does not depend on how the output came in. What is
    stored may be up to one chunk more.

    Attributes:
        head_bytes, tail_bytes: most bytes kept from the beginning, and from the end.
    """

    head_bytes: int
    tail_bytes: int

    @classmethod
    def of(cls, max_output_bytes: int) -> "Retention":
        """The retention under `ContainerSpec.max_output_bytes`."""
        return cls(max_output_bytes - max_output_bytes // 2, max_output_bytes // 2)

    @classmethod
    def of_spec(cls, spec: ContainerSpec) -> "Retention":
        """The same, from the spec."""
        return cls.of(spec.max_output_bytes)

    def gap(self, total: int) -> tuple[int, int]:
        """What is left out of a stream of that length: from where to where; empty when the two are equal."""
        return self.head_bytes, max(self.head_bytes, total - self.tail_bytes)

    def split(self, stored: int, offset: int, data: bytes) -> Iterator[Chunk]:
        """The chunks to be stored of a piece of output.

        Args:
            stored: length of the stream as far as it is stored, what was left out included. Bytes
                before it are passed over: they came before.
            offset: position of the piece's first byte.
            data: the piece.
        """
        position, end = max(stored, offset), offset + len(data)
        gap_start, gap_end = self.gap(end)
        while position < end:
            if gap_start <= position < gap_end:
                position = gap_end
            edge = gap_start if position < gap_start else end
            stop = min(edge, end, position + CHUNK_BYTES)
            yield Chunk(position, data[position - offset : stop - offset])
            position = stop

    def read(self, chunks: Iterable[Chunk], total: int, offset: int, limit: int) -> LogSlice:
        """A part of the stream: either stored bytes or one marker.

        Args:
            chunks: the stored chunks in order, from the one that has the offset on, or else the next one.
            total: length of the stream.
            offset: where to begin.
            limit: most bytes; a marker is given whole.
        """
        gap_start, gap_end = self.gap(total)
        parts: list[bytes] = []
        position, stop = offset, min(total, offset + max(limit, 1))
        if gap_start < gap_end and position < gap_start:
            stop = min(stop, gap_start)
        for chunk in chunks:
            if position >= stop:
                break
            start = max(chunk.offset, gap_end if gap_start <= chunk.offset else 0)
            if chunk.end <= max(start, position):
                continue
            if start > position:
                if not parts:
                    return LogSlice(data=gap_marker(start - position), next_offset=start, more=True)
                break
            part = chunk.data[position - chunk.offset : stop - chunk.offset]
            parts.append(part)
            position += len(part)
        return LogSlice(data=b"".join(parts), next_offset=position, more=position < total)
