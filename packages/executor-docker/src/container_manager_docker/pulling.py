"""Pulling an image: progress to report, errors hidden in the stream, and a limit in time."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docker.utils import parse_repository_tag

from container_manager_core.errors import UpstreamError
from container_manager_docker.client import Engine, lines, message_of
from container_manager_docker.translation.refusals import pull_refused


def pull(
    engine: Engine,
    image: str,
    *,
    platform: str | None,
    timeout_seconds: float,
    report: Callable[[str], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Have the engine pull an image. Blocks until it is there.

    Args:
        engine: who pulls.
        image: its reference; without a tag or digest, ``latest``.
        platform: ``os/architecture[/variant]``, or None for the engine's own.
        timeout_seconds: longest time.
        report: takes lines of progress.
        monotonic: seconds that never go back.

    Raises:
        PermanentError: the image does not exist, or the registry refuses us.
        UpstreamError: the registry does not answer now, or not in time.
        TransientError: the engine does not answer.
    """
    deadline = monotonic() + timeout_seconds
    repository, tag = parse_repository_tag(image)
    params = {"fromImage": repository, "tag": tag or "latest"} | ({"platform": platform} if platform else {})
    report(f"pulling {image}")
    with engine.stream(
        "POST",
        "/images/create",
        action=f"pull {image}",
        params=params,
        headers=engine.registry_header(repository),
        accept=tuple(range(400, 600)),
        timeout=timeout_seconds,
    ) as answer:
        if answer.status_code >= 400:
            raise pull_refused(image, message_of(answer))
        for event in lines(answer):
            if "error" in event:
                raise pull_refused(image, _error(event))
            for line in _progress(event):
                report(line)
            if monotonic() > deadline:
                raise UpstreamError(
                    f"the image {image!r} was not pulled within {timeout_seconds:g} seconds",
                    hint="raise the host's pull_timeout_seconds",
                )


def _error(event: Mapping[str, Any]) -> str:
    detail = event.get("errorDetail") or {}
    return str(detail.get("message") or event["error"])


def _progress(event: Mapping[str, Any]) -> Iterator[str]:
    """A line for a step; none for the many that only move a bar."""
    if event.get("progressDetail") or not event.get("status"):
        return
    yield f"{event['id']}: {event['status']}" if event.get("id") else str(event["status"])
