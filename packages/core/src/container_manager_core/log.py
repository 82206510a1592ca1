"""Structured events, handed to Python's own logging under the name ``container_manager``.

An application that configures nothing sees warnings and errors alone; one that formats records finds
the facts of an event as attributes of its record, and in its text.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

NAME = "container_manager"


def get_logger() -> Any:
    """The library's logger: ``log.info("job.launched", job_id=..., host=...)``."""
    return structlog.wrap_logger(
        logging.getLogger(NAME),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.stdlib.filter_by_level, _as_record],
        cache_logger_on_first_use=True,
    )


def _as_record(_: Any, __: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """The arguments of a stdlib logging call."""
    name = str(event.pop("event"))
    exc_info = event.pop("exc_info", None)
    text = " ".join([name, *(f"{key}={value!r}" for key, value in event.items())])
    extra = {"event": name, "facts": dict(event)}
    return (text.replace("%", "%%"),), {"exc_info": exc_info, "extra": extra}
