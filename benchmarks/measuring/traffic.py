"""What passes between a process and an engine."""

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from support.proxy import FaultyProxy


class Counting(FaultyProxy):
    """A proxy on which nothing fails.

    Attributes:
        requests: how many of each kind have passed.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target, rates={}, seed=0)
        self.requests: Counter[str] = Counter()

    def fault(self, request: str) -> None:
        self.requests["GET /images/ID/json" if "/images/" in request else request] += 1


@attrs.frozen(kw_only=True)
class Request:
    """One request to an engine.

    Attributes:
        line: method and path.
        sent, answered: when it was sent, and when its answer's head was there, in seconds since 1970.
    """

    line: str
    sent: float
    answered: float


class Requests(logging.Handler):
    """Hears of every request of this process to an engine, from Python's audit events and from urllib3's log.

    Nothing stands between the process and the engine for it. One at most in a process: an audit hook stays.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent = threading.local()
        self._heard: list[Request] = []
        sys.addaudithook(self._note_sent)
        logger = logging.getLogger("urllib3.connectionpool")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """An answer has come, in the thread that sent the request."""
        if isinstance(record.args, tuple) and len(record.args) == 8:
            line = f"{record.args[3]} {str(record.args[4]).partition('?')[0]}"
            self._heard.append(Request(line=line, sent=self._sent.time, answered=time.time()))

    def take(self) -> Sequence[Request]:
        """Those that were answered since the last call."""
        taken, self._heard = self._heard, []
        return taken

    def _note_sent(self, event: str, args: Sequence[Any]) -> None:
        if event == "http.client.send" and isinstance(args[1], bytes) and b" HTTP/1.1\r\n" in args[1]:
            self._sent.time = time.time()
