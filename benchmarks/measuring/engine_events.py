"""When an engine's containers started and ended, by its own events."""

import threading
from datetime import UTC, datetime
from typing import Any

_WAIT_SECONDS = 60.0


class Events:
    """The engine's own times of what its containers do.

    Args:
        client: of the docker SDK.
    """

    def __init__(self, client: Any) -> None:
        self._stream = client.events(decode=True, since=datetime.now(UTC), filters={"event": ["start", "die"]})
        self._times: dict[tuple[str, str], float] = {}
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Events":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def time_of(self, container: str, event: str) -> float:
        """Seconds since 1970; waits for it."""
        key = container, event
        with self._heard:
            if not self._heard.wait_for(lambda: key in self._times, _WAIT_SECONDS):
                raise SystemExit(f"the engine told nothing of the {event} of {container}")
            return self._times[key]

    def _listen(self) -> None:
        for event in self._stream:
            with self._heard:
                self._times[event["id"], event["Action"]] = event["timeNano"] / 1e9
                self._heard.notify_all()
