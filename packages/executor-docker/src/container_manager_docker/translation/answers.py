"""Answers that are not the engine's API: from a proxy, another program, or a version that nobody knows."""

from collections.abc import Iterator
from contextlib import contextmanager

from container_manager_core.errors import InvalidInput, TransientError

_UNREADABLE = (AttributeError, IndexError, LookupError, OverflowError, TypeError, ValueError)


@contextmanager
def understood(address: str, *, may_have_started: bool = False) -> Iterator[None]:
    """Around the reading of an engine's answers: one of another form is trouble of the host's.

    Args:
        address: where the engine listens.
        may_have_started: whether something may run all the same.

    Raises:
        TransientError: in place of what Python makes of missing and misshapen values; that stays its cause.
    """
    try:
        yield
    except InvalidInput:
        raise
    except _UNREADABLE as error:
        raise TransientError(
            f"the answer from {address} is none of the Docker API ({type(error).__name__}: {error})",
            hint="look whether a Docker engine listens there, and nothing in between changes its answers",
            may_have_started=may_have_started,
        ) from error
