"""Waiting for a job and following its output."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from container_manager_core import (
    Config,
    ConfigurationError,
    ContainerManager,
    ContainerSpec,
    Host,
    RetryPolicy,
    Stream,
)
from container_manager_core.executors.mock import MockPlatform, Outcome, Output

SPEC = ContainerSpec(image="alpine")


def _manager(folder: Path, platform: MockPlatform) -> ContainerManager:
    host = Host(name="mock", executor="mock", config={"platform": platform})
    return ContainerManager(Config(store=f"sqlite:///{folder / 'jobs.sqlite3'}", hosts={"mock": host}))


def test_an_interrupt_in_a_later_attempt_loses_no_output(tmp_path: Path) -> None:
    """What the first attempt wrote is no reason to leave out as much of the second."""
    outcomes: Iterator[Outcome] = iter(
        [
            Outcome(exit_code=1, output=(Output(data=b"first attempt, and a long line of it\n"),)),
            Outcome(
                duration_seconds=60,
                output=(Output(data=b"second\n"),),
                stop_output=(Output(data=b"stopped politely\n"),),
            ),
        ]
    )
    seen: list[bytes] = []

    def interrupt_once(stream: Stream, data: bytes) -> None:
        seen.append(data)
        if data == b"second\n" and seen.count(data) == 1:
            raise KeyboardInterrupt

    retry = RetryPolicy(max_attempts=2, backoff_seconds=0)
    with _manager(tmp_path, MockPlatform(outcome=lambda request: next(outcomes))) as manager:
        job = manager.run(ContainerSpec(image="alpine", retry=retry), host="mock", on_output=interrupt_once)
    assert job.status == "cancelled"
    assert seen[0] == b"first attempt, and a long line of it\n"
    assert seen[-1].endswith(b"stopped politely\n")


def test_a_run_whose_worker_breaks_ends_with_its_error(tmp_path: Path) -> None:
    """Rather than wait for a worker that is gone."""
    with _manager(tmp_path, MockPlatform(outcome=Outcome(duration_seconds=60))) as manager:
        store = manager.store

        class Broken:
            def __getattr__(self, name: str) -> object:
                return getattr(store, name)

            def signals(self, worker: str) -> object:
                raise ConfigurationError("jobs.sqlite3", "its tables are not those of this version")

        manager._store = Broken()  # type: ignore[assignment]
        with pytest.raises(ConfigurationError, match="tables are not those of this version"):
            manager.run(SPEC, host="mock")
