"""Stored output as text: the end of a stream, and what came after it."""

from collections.abc import Iterator

import attrs

from container_manager.manager import get_manager
from container_manager.models import ContainerJob, OutputChunk
from container_manager_core.executor import Stream
from container_manager_core.following import pieces

SHOWN_BYTES = 128 * 1024
"""A page shows so much of a stream's end; the rest can be downloaded."""

_LONGEST_CHARACTER = 4


@attrs.frozen(kw_only=True)
class Piece:
    """Text of a stream.

    Attributes:
        text: what came; bytes that are no UTF-8 are replaced.
        skipped: bytes left out before it, because there are too many for a page.
        end: the offset to go on from.
    """

    text: str
    skipped: int
    end: int


def stream_length(job: ContainerJob, attempt: int, stream: Stream) -> int:
    """The bytes of a stream so far, those left out included."""
    last = (
        OutputChunk.objects.filter(job_id=job.pk, attempt=attempt, stream=stream.value)
        .order_by("-start")
        .values_list("start", "size")
        .first()
    )
    return sum(last) if last else 0


def read_piece(job: ContainerJob, attempt: int, stream: Stream, offset: int) -> Piece:
    """The stream from an offset on, or its end where that is too much for a page."""
    length = stream_length(job, attempt, stream)
    start = max(offset, length - SHOWN_BYTES)
    if start >= length:
        return Piece(text="", skipped=0, end=offset)
    data, end = bytearray(), start
    for part, end in pieces(get_manager().store, job.pk, stream, attempt, start):  # noqa: B007
        data += part
        if len(data) >= 2 * SHOWN_BYTES:
            break
    held_back = 0 if job.is_terminal_status else _unfinished(bytes(data[-_LONGEST_CHARACTER:]))
    text = bytes(data[: len(data) - held_back]).decode("utf-8", "replace")
    return Piece(text=text, skipped=start - offset, end=end - held_back)


def whole_stream(job: ContainerJob, attempt: int, stream: Stream) -> Iterator[bytes]:
    """Everything that is stored of a stream, piece by piece."""
    return (part for part, _ in pieces(get_manager().store, job.pk, stream, attempt))


def _unfinished(tail: bytes) -> int:
    """How many bytes at the end are the beginning of a character whose rest has not come yet."""
    for back, byte in enumerate(reversed(tail), start=1):
        if byte & 0b1100_0000 == 0b1000_0000:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return back if needed > back else 0
    return 0
