"""Cockpit's log store: lines with labels, and the part of Loki's ``query_range`` that reads them."""

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from local_clouds.scaleway.faults import Faults
from local_clouds.scaleway.refusal import Refused

MOST_ENTRIES = 5000
CUT_BYTES = 16_384

_SELECTOR = re.compile(r'\{\s*(\w+="[^"]*"(?:\s*,\s*\w+="[^"]*")*)\s*\}')
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_HOUR = 3600 * 1_000_000_000


@attrs.frozen
class _Line:
    time: int
    text: str
    visible_at: float


class LogStore:
    """The lines of all runs. Safe for several threads.

    Args:
        faults: how late they are.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lines: dict[tuple[tuple[str, str], ...], list[_Line]] = {}
        self._last = 0
        self._lock = threading.Lock()

    def write(self, labels: Mapping[str, str], data: bytes) -> None:
        """Add a line; a long one is cut into several entries."""
        pieces = [data[start : start + CUT_BYTES] for start in range(0, len(data), CUT_BYTES)] or [b""]
        with self._lock:
            lines = self._lines.setdefault(tuple(sorted(labels.items())), [])
            for piece in pieces:
                self._last = max(time.time_ns(), self._last + 1)
                text = piece.decode("utf-8", "replace")
                lines.append(_Line(self._last, text, time.monotonic() + self._faults.log_delay()))

    def query_range(self, parameters: Mapping[str, Sequence[str]]) -> Any:
        """The answer to ``/loki/api/v1/query_range``."""
        one = {name: values[0] for name, values in parameters.items()}
        wanted = self._selected(one.get("query", ""))
        now = time.time_ns()
        start, end = int(one.get("start", now - _HOUR)), int(one.get("end", now))
        limit = int(one.get("limit", 100))
        if end < start:
            raise Refused(400, "bad_data", "end timestamp must not be before or equal to start time")
        if limit > MOST_ENTRIES:
            raise Refused(
                400,
                "bad_data",
                f"max entries limit per query exceeded, limit > max_entries_limit ({limit} > {MOST_ENTRIES})",
            )
        backward = one.get("direction", "backward") == "backward"
        result = self._select(wanted, start, end, limit, backward)
        return {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}

    def _selected(self, query: str) -> dict[str, str]:
        match = _SELECTOR.fullmatch(query)
        if match is None:
            raise Refused(400, "bad_data", f"parse error at line 1, col 1: syntax error: {query}")
        return dict(_LABEL.findall(match[1]))

    def _select(self, wanted: Mapping[str, str], start: int, end: int, limit: int, backward: bool) -> list[Any]:
        now = time.monotonic()
        with self._lock:
            found = [
                (line, labels)
                for labels, lines in self._lines.items()
                if wanted.items() <= dict(labels).items()
                for line in lines
                if start <= line.time < end and line.visible_at <= now
            ]
        found.sort(key=lambda pair: pair[0].time, reverse=backward)
        streams: dict[Any, list[list[str]]] = {}
        for line, labels in found[:limit]:
            streams.setdefault(labels, []).append([str(line.time), line.text])
        return [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
