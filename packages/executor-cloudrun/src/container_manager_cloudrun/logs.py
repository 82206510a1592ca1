"""Output from Cloud Logging, where lines may come late and in any order: each is given once.

A cursor is a time and what was taken from that time on: of each entry its time and a digest of its id. It holds the
newest `REMEMBERED` entries, so that a job that wrote less has its lines whatever their order. Of a job that writes
more, a reader that follows it live stays so far behind that a line may be `OVERLAP` late.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from google.protobuf.json_format import MessageToDict

from container_manager_cloudrun.translation.states import ExecutionName
from container_manager_core.errors import InvalidInput
from container_manager_core.executor import LogChunk, LogPage, Stream

REMEMBERED = 900
"""Entries that a cursor remembers: with a page of 1000, reading on costs one call, and about 15 KB are stored."""
OVERLAP = timedelta(seconds=30)

_SESSION = 200_000
_STREAM = re.compile(r"logs/run\.googleapis\.com%2F(stdout|stderr)$")
_CURSOR = re.compile(r"([0-9a-f]+)\|((?:[0-9a-f]+\.[0-9a-f]{6},?)*)")
_SECOND = 1_000_000_000

Key = tuple[int, str]
"""An entry's time in nanoseconds since 1970, and a digest of its id."""


@attrs.define
class Taken:
    """What was taken: everything older than ``floor``, and these entries.

    Attributes:
        floor: nanoseconds since 1970.
        keys: the entries from there on.
    """

    floor: int = 0
    keys: set[Key] = attrs.field(factory=set)

    @classmethod
    def parse(cls, text: str) -> "Taken":
        """What a cursor says; the empty text is the beginning.

        Raises:
            InvalidInput: a text that `Taken.text` did not make.
        """
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidInput("cursor", f"{text!r} is no cursor of the Cloud Run executor", "use one that it gave")
        floor = int(match[1], 16)
        pairs = (pair.split(".") for pair in match[2].split(",") if pair)
        return cls(floor, {(floor + int(distance, 16), digest) for distance, digest in pairs})

    def text(self) -> str:
        """The cursor."""
        if not self.keys and not self.floor:
            return ""
        newest = self.limited(REMEMBERED)
        pairs = ",".join(f"{moment - newest.floor:x}.{digest}" for moment, digest in sorted(newest.keys))
        return f"{newest.floor:x}|{pairs}"

    def limited(self, size: int) -> "Taken":
        """The same with the newest entries alone, as many as ``size`` and those of the same time as the oldest."""
        if len(self.keys) <= size:
            # A late line may be older than what was first taken, so the floor stays where it was.
            return self
        floor = sorted(moment for moment, _ in self.keys)[-size]
        return Taken(floor, {key for key in self.keys if key[0] >= floor})

    def has(self, key: Key) -> bool:
        """Whether the entry was taken."""
        return key[0] < self.floor or key in self.keys


@attrs.define
class Reading:
    """One reader on its way through an execution's output.

    Attributes:
        entries: gives pages of entries for a filter.
        name: whose output.
        taken: what was taken so far.
        hold: gives the time from which on entries are left for later, once there are many; None for none.
        newest_received: when the platform got the newest entry that was taken, in nanoseconds since 1970.
    """

    entries: Callable[[str], Iterator[Any]]
    name: ExecutionName
    taken: Taken
    hold: Callable[[], datetime | None]
    newest_received: int = 0

    def pages(self, limit: int) -> Iterator[LogPage]:
        """Pages of about ``limit`` bytes, each with the cursor behind it; the last has no ``more``."""
        filling = _Page()
        for entry in self._fresh():
            if filling.size >= limit:
                yield filling.finish(self.taken, more=True)
                filling = _Page()
            self.taken.keys.add(_key(entry))
            self.newest_received = max(self.newest_received, entry.receive_timestamp.ToNanoseconds())
            filling.add(entry)
        yield filling.finish(self.taken, more=False)
        self.taken = self.taken.limited(_SESSION)

    def _fresh(self) -> Iterator[Any]:
        hold: int | None = None
        for page in self.entries(filter_of(self.name, self.taken.floor)):
            for entry in page:
                key = _key(entry)
                if self.taken.has(key):
                    continue
                if len(self.taken.keys) >= REMEMBERED:
                    hold = self._hold_at() if hold is None else hold
                    if key[0] > hold:
                        return
                yield entry

    def _hold_at(self) -> int:
        moment = self.hold()
        return (1 << 63) if moment is None else int((moment - OVERLAP).timestamp() * _SECOND)


def filter_of(name: ExecutionName, floor: int) -> str:
    """The platform's query for an execution's output from a time on, in nanoseconds since 1970."""
    project, region = name.parent.split("/")[1::2]
    streams = " OR ".join(f'logName="projects/{project}/logs/run.googleapis.com%2F{stream}"' for stream in Stream)
    clauses = [
        'resource.type="cloud_run_job"',
        f'resource.labels.job_name="{name.job}"',
        f'resource.labels.location="{region}"',
        f'labels."run.googleapis.com/execution_name"="{name.execution}"',
        f"({streams})",
    ]
    if floor:
        moment = datetime.fromtimestamp(floor // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        clauses.append(f'timestamp>="{moment}.{floor % _SECOND:09d}Z"')
    return " AND ".join(clauses)


class _Page:
    """A page being filled; neighbours of the same stream become one chunk."""

    def __init__(self) -> None:
        self._runs: list[tuple[Stream, bytearray]] = []
        self.size = 0

    def add(self, entry: Any) -> None:
        match = _STREAM.search(entry.log_name)
        stream = Stream(match[1]) if match is not None else Stream.STDOUT
        data = _line(entry)
        if not self._runs or self._runs[-1][0] is not stream:
            self._runs.append((stream, bytearray()))
        self._runs[-1][1].extend(data)
        self.size += len(data)

    def finish(self, taken: Taken, more: bool) -> LogPage:
        chunks: Iterable[LogChunk] = (LogChunk(stream, bytes(run)) for stream, run in self._runs)
        return LogPage(chunks=tuple(chunks), cursor=taken.text(), more=more)


def _key(entry: Any) -> Key:
    return entry.timestamp.ToNanoseconds(), hashlib.sha256(entry.insert_id.encode()).hexdigest()[:6]


def _line(entry: Any) -> bytes:
    """What was written: the platform takes away the line's end, and parses lines that are JSON objects."""
    text = _json(entry) if entry.HasField("json_payload") else entry.text_payload
    split = entry.split
    is_last = split.index + 1 >= split.total_splits
    return (text + "\n" if is_last else text).encode("utf-8", "replace")


def _json(entry: Any) -> str:
    """A JSON object as one line; its own spacing and order of keys are not kept by the platform."""
    values = {name: _number(value) for name, value in MessageToDict(entry.json_payload).items()}
    if entry.severity:
        severities = entry.DESCRIPTOR.fields_by_name["severity"].enum_type.values_by_number
        values = {"severity": severities[entry.severity].name, **values}
    return json.dumps(values, ensure_ascii=False)


def _number(value: Any) -> Any:
    """A whole number as such: the platform keeps all numbers as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _number(inner) for name, inner in value.items()}
    return [_number(inner) for inner in value] if isinstance(value, list) else value
