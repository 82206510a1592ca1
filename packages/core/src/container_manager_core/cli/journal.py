"""What the library logs, on stderr: lines for people on a terminal, JSON lines for programs."""

import logging
import sys

from container_manager_core.errors import InvalidInput

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str) -> None:
    """Send structlog's events of this level and above to stderr.

    Raises:
        InvalidInput: a level that is none of `LEVELS`.
    """
    if level not in LEVELS:
        raise InvalidInput("--log-level", f"{level!r} is no level", f"use one of: {', '.join(LEVELS)}")
    import structlog

    on_terminal = sys.stderr.isatty()
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if on_terminal:
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        # A plain traceback, never one with the values of local variables, as those may be secrets.
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
