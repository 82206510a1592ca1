"""Structured events, handed to Python's own logging under the name ``container_manager``.

An application that configures nothing sees warnings and errors alone; one that formats records finds
the facts of an event as attributes of its record, and in its text.
"""

import logging
from collections.abc import MutableMapping
from functools import cache
from typing import Any

NAME = "container_manager"


class Logger:
    """The library's logger: ``log.info("job.launched", job_id=..., host=...)``.

    structlog is imported with the first event that is to be seen: that takes longer than importing all of the core.
    """

    def debug(self, event: str, **facts: Any) -> None:
        """Tell who develops."""
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _structured().debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        """Tell what went as it should."""
        if _LOGGER.isEnabledFor(logging.INFO):
            _structured().info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Tell what went wrong, and is dealt with."""
        _structured().warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """Tell what went wrong, and is somebody's to deal with."""
        _structured().error(event, **facts)

    def exception(self, event: str, **facts: Any) -> None:
        """The same, with the exception that is being handled."""
        _structured().exception(event, **facts)


_LOGGER = logging.getLogger(NAME)


def get_logger() -> Logger:
    """The library's logger."""
    return Logger()


@cache
def _structured() -> Any:
    import structlog

    return structlog.wrap_logger(
        _LOGGER,
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
    return (text,), {"exc_info": exc_info, "extra": extra}
