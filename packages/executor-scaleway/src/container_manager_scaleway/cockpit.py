"""The log store: Cockpit speaks Loki's API."""

import threading
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import attrs
from scaleway.cockpit.v1 import DataSourceOrigin, DataSourceType

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_scaleway.client import Caller, Scaleway
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.translation.states import Run

MOST_ENTRIES = 5000
"""Loki's own default for ``max_entries_limit_per_query``."""
CUT_BYTES = 16_384
"""Cockpit cuts longer lines into entries of this length (seen by a user of Serverless Jobs, 2026)."""

_NANOSECONDS = 1_000_000_000
_HOUR = 3600 * _NANOSECONDS


@attrs.frozen
class Entry:
    """One entry of a log: nanoseconds since 1970, and its text."""

    time: int
    text: bytes

    @property
    def id(self) -> str:
        """Eight characters that no other entry has: Loki keeps one of two entries with equal time and text."""
        digest = blake2b(b"%d %b" % (self.time, self.text), digest_size=6).digest()
        return urlsafe_b64encode(digest).decode()

    @property
    def data(self) -> bytes:
        """What was written: the line with its end, which a line that was cut has only in its last piece."""
        return self.text if len(self.text) == CUT_BYTES else self.text + b"\n"


class Cockpit:
    """Asks the log store of one project.

    Args:
        scaleway: knows where it is.
        options: its address, the selector and the limits.
    """

    def __init__(self, scaleway: Scaleway, options: ScalewayOptions) -> None:
        self._scaleway = scaleway
        self._options = options
        self._caller: Caller | None = None
        self._url = options.cockpit_url
        self._lock = threading.Lock()

    def read(self, run: Run, since: int) -> list[Entry]:
        """The oldest entries of a run from a time on, oldest first, at most `MOST_ENTRIES`."""
        return self._query(run, max(since, self._first(run)), "forward", MOST_ENTRIES)

    def newest(self, run: Run, count: int) -> list[Entry]:
        """The newest entries of a run, oldest first."""
        return self._query(run, self._first(run), "backward", count)

    def check(self) -> None:
        """Ask for something cheap; raises `ExecutorError` when that is refused."""
        self._get({"query": self._selector("none", "none"), "limit": 1}, "read logs")

    def close(self) -> None:
        """Give back the connections."""
        if self._caller is not None:
            self._caller.close()

    @staticmethod
    def _first(run: Run) -> int:
        """A little before the run was made: the clocks of Scaleway's machines may differ."""
        return int(run.created_at.timestamp() - 60) * _NANOSECONDS

    def _query(self, run: Run, since: int, direction: str, limit: int) -> list[Entry]:
        end = max(since, self._first(run) + 60 * _NANOSECONDS) + (self._options.longest_seconds * _NANOSECONDS) + _HOUR
        answer = self._get(
            {
                "query": self._selector(run.id, run.definition_id),
                "start": since,
                "end": end,
                "limit": limit,
                "direction": direction,
            },
            f"read the log of {run.id}",
        )
        try:
            streams = answer["data"]["result"]
            entries = [Entry(int(time), text.encode()) for stream in streams for time, text, *_ in stream["values"]]
        except (KeyError, TypeError, ValueError) as error:
            raise TransientError(f"the log store at {self._url} gave an answer that is none: {error!r}") from error
        # Sorting is stable, and each stream's entries come in the order of the direction.
        return sorted(entries if direction == "forward" else reversed(entries), key=lambda entry: entry.time)

    def _selector(self, run_id: str, definition_id: str) -> str:
        return self._options.log_selector % {"job_run_id": run_id, "job_definition_id": definition_id}

    def _get(self, params: dict[str, Any], action: str) -> Any:
        caller, url = self._connect()
        answer = caller.call(
            "GET",
            f"{url}/loki/api/v1/query_range",
            action=action,
            params=params,
            headers={"X-Auth-Token": self._scaleway.account.cockpit_token},
        )
        try:
            return answer.json()
        except ValueError as error:
            raise TransientError(f"the log store at {url} gave an answer that is no JSON") from error

    def _connect(self) -> tuple[Caller, str]:
        with self._lock:
            url = self._url or self._discover()
            if self._caller is None:
                self._caller = Caller(self._options, url, self._scaleway.account.client.access_key or "")
            self._url = url
            return self._caller, url

    def _discover(self) -> str:
        answer = self._scaleway.cockpit("tell where the project's logs are").list_data_sources(
            project_id=self._scaleway.account.project_id,
            origin=DataSourceOrigin.SCALEWAY,
            types=[DataSourceType.LOGS],
        )
        if not answer.data_sources:
            raise PermanentError(
                f"the project {self._scaleway.account.project_id} has no data source for Scaleway's logs in "
                f"{self._scaleway.account.region}",
                FailureKind.PLATFORM,
                "open Cockpit once for the project, or set the host's cockpit_url",
            )
        return str(answer.data_sources[0].url).rstrip("/")
