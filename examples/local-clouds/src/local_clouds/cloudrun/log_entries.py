"""Cloud Logging's side: entries, the part of its query language that is understood here, and pages."""

import json
import re
import threading
from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from google.api.monitored_resource_pb2 import MonitoredResource
from google.cloud.logging_v2 import types
from google.logging.type.log_severity_pb2 import LogSeverity

from local_clouds.cloudrun.refusal import invalid

LONGEST_ENTRY_BYTES = 200_000
"""Below the platform's 256 KB for all of an entry; a longer line comes as several entries with `LogEntry.split`."""

_CLAUSE = re.compile(r"(?P<field>[\w.]+(?:\.\"[^\"]+\")?)\s*(?P<sign>=|>=)\s*\"(?P<value>[^\"]*)\"")


@attrs.frozen(order=True)
class Entry:
    """One entry; ordered as answers are.

    Attributes:
        timestamp: when it was written.
        insert_id: unique, and growing.
        stream: ``stdout`` or ``stderr``.
        text: the line without its end.
        received_at: from when it can be read, which is when the platform has it.
        part, parts: which of how many entries of one line.
    """

    timestamp: datetime
    insert_id: str
    stream: str = attrs.field(order=False)
    text: str = attrs.field(order=False)
    received_at: datetime = attrs.field(order=False)
    part: int = attrs.field(order=False, default=0)
    parts: int = attrs.field(order=False, default=1)


@attrs.frozen(kw_only=True)
class Query:
    """What a client asks for."""

    project: str
    job: str
    location: str
    execution: str
    since: datetime | None
    streams: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Query":
        """The query of a filter: clauses joined by AND, and one OR of log names in brackets."""
        facts: dict[str, str] = {}
        names: list[str] = []
        for clause in re.split(r"\s+AND\s+", text.strip()):
            alternatives = re.split(r"\s+OR\s+", clause.strip().removeprefix("(").removesuffix(")"))
            for alternative in alternatives:
                match = _CLAUSE.fullmatch(alternative.strip())
                if match is None:
                    raise invalid(f"filter: Unparseable filter: syntax error at '{alternative}'")
                if match["field"] == "logName":
                    names.append(match["value"])
                else:
                    facts[f"{match['field']}{match['sign']}"] = match["value"]
        return cls._of(facts, names)

    @classmethod
    def _of(cls, facts: Mapping[str, str], names: Sequence[str]) -> "Query":
        found = [re.fullmatch(r"projects/([^/]+)/logs/run\.googleapis\.com%2F(stdout|stderr)", name) for name in names]
        streams = [match for match in found if match is not None]
        wanted = {
            "resource.type=",
            "resource.labels.job_name=",
            "resource.labels.location=",
            'labels."run.googleapis.com/execution_name"=',
        }
        if facts.keys() - {"timestamp>="} != wanted or not streams or facts["resource.type="] != "cloud_run_job":
            raise invalid(f"filter: this server understands only queries for one execution, not {sorted(facts)}")
        since = facts.get("timestamp>=")
        return cls(
            project=streams[0][1],
            job=facts["resource.labels.job_name="],
            location=facts["resource.labels.location="],
            execution=facts['labels."run.googleapis.com/execution_name"='],
            since=datetime.fromisoformat(since) if since else None,
            streams=frozenset(match[2] for match in streams),
        )


class LogEntries:
    """Every entry, by execution. Safe for several threads.

    Args:
        late: by how many seconds the next line is late.
    """

    def __init__(self, late: Callable[[], float]) -> None:
        self._late = late
        self._entries: dict[tuple[str, str, str], list[Entry]] = {}
        self._number = 0
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def write(self, project: str, job: str, execution: str, stream: str, line: bytes) -> None:
        """Take a line of output. Bytes that are no UTF-8 are replaced."""
        pieces = [line[start : start + LONGEST_ENTRY_BYTES] for start in range(0, len(line), LONGEST_ENTRY_BYTES)]
        pieces = pieces or [b""]
        with self._lock:
            now = self._last = max(datetime.now(UTC), self._last)
            received_at = now + timedelta(seconds=self._late())
            entries = self._entries.setdefault((project, job, execution), [])
            for number, piece in enumerate(pieces):
                self._number += 1
                text = piece.decode("utf-8", "replace")
                entry = Entry(now, f"i{self._number:012d}", stream, text, received_at, number, len(pieces))
                insort(entries, entry)

    def page(self, query: Query, size: int, token: str) -> tuple[list[types.LogEntry], str]:
        """Entries from the token on, oldest first, and the token of the next page."""
        with self._lock:
            entries = list(self._entries.get((query.project, query.job, query.execution), ()))
        now = datetime.now(UTC)
        after = tuple(token.split("|")) if token else ()
        fitting = [
            entry
            for entry in entries
            if entry.received_at <= now
            and entry.stream in query.streams
            and (query.since is None or entry.timestamp >= query.since)
            and (not after or (entry.timestamp.isoformat(), entry.insert_id) > after)
        ]
        shown, rest = fitting[:size], fitting[size:]
        following = f"{shown[-1].timestamp.isoformat()}|{shown[-1].insert_id}" if rest else ""
        return [_as_proto(entry, query) for entry in shown], following


def _as_proto(entry: Entry, query: Query) -> types.LogEntry:
    facts: dict[str, Any] = {
        "log_name": f"projects/{query.project}/logs/run.googleapis.com%2F{entry.stream}",
        "resource": MonitoredResource(
            type="cloud_run_job",
            labels={"job_name": query.job, "location": query.location, "project_id": query.project},
        ),
        "insert_id": entry.insert_id,
        "timestamp": entry.timestamp,
        "receive_timestamp": entry.received_at,
        "labels": {"run.googleapis.com/execution_name": query.execution},
    }
    if entry.parts > 1:
        uid = f"{query.execution}-{entry.timestamp.timestamp()}"
        facts["split"] = types.LogSplit(uid=uid, index=entry.part, total_splits=entry.parts)
    structured = _structured(entry.text) if entry.parts == 1 else None
    if structured is None:
        return types.LogEntry(text_payload=entry.text, **facts)
    # The platform takes the severity out of what it parsed.
    severity = structured.pop("severity", None)
    if severity in LogSeverity.DESCRIPTOR.values_by_name:
        facts["severity"] = severity
    return types.LogEntry(json_payload=structured, **facts)


def _structured(text: str) -> dict[str, Any] | None:
    """A line that is a JSON object, parsed, as the platform does."""
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
