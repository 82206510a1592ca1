"""What the worker tells of itself while it runs."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from container_manager_core.errors import InvalidInput
from container_manager_core.log import NAME

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str) -> None:
    """Send the library's events of this level and above to stderr: lines for people on a terminal, else JSON.

    Raises:
        InvalidInput: no such level.
    """
    import structlog

    if level.lower() not in LEVELS:
        raise InvalidInput("--log-level", f"{level!r} is no level", f"use one of {', '.join(LEVELS)}")
    renderer: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    if sys.stderr.isatty():
        renderer = [structlog.dev.ConsoleRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                _facts,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper("iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logger = logging.getLogger(NAME)
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def _facts(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The event's own name and facts, instead of the text made of them."""
    record = event["_record"]
    facts = getattr(record, "facts", {})
    return {**event, **facts, "event": getattr(record, "event", event["event"])}
