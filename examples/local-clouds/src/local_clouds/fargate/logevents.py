"""GetLogEvents as the platform has it: a token is a place in time.

Moto's tokens count events, so that one which comes late, between those already read, would make a page repeat some.
"""

from collections.abc import Mapping
from typing import Any

from moto.logs.models import LogEvent, LogsBackend

_MOST = 10_000
_TIME_BITS = 144
"""Where the time begins in the ids of events and in tokens: so it is in the sample answers of the API reference."""


def page(backend: LogsBackend, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer to a call that reads forwards; None for what moto answers as well.

    Events are in the order of their times, those of one millisecond in the order of their arrival.
    """
    group = backend.groups.get(wanted.get("logGroupName", ""))
    stream = group.streams.get(wanted.get("logStreamName", "")) if group else None
    token = wanted.get("nextToken", f"f/{0:056d}/s")
    if stream is None or not wanted.get("startFromHead") or not token.startswith("f/"):
        return None
    begin, end = wanted.get("startTime", 0), wanted.get("endTime", 1 << 62)
    after = int(token.split("/")[1])
    places = {_place(event): event for event in list(stream.events) if begin <= event.timestamp < end}
    chosen = sorted(place for place in places if place > after)[: wanted.get("limit", _MOST)]
    last = chosen[-1] if chosen else max(after, begin << _TIME_BITS)
    first = chosen[0] if chosen else last
    return {
        "events": [places[place].to_response_dict() for place in chosen],
        "nextForwardToken": f"f/{last:056d}/s",
        "nextBackwardToken": f"b/{first:056d}/s",
    }


def _place(event: LogEvent) -> int:
    return (int(event.timestamp) << _TIME_BITS) + int(event.event_id) + 1
