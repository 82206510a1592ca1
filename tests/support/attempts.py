"""Attempts at jobs, by an executor alone: no store has them, no worker moves them along."""

import math
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from container_manager_core.executor import ContainerExecutor, ExecutionRequest, ExecutionState
from container_manager_core.spec import ContainerSpec


class Attempts:
    """Makes the requests for attempts.

    Args:
        image: what runs, unless a request says otherwise.
        installation_id: whose jobs they are.
        spec: further facts of each spec, unless a request says otherwise.
    """

    def __init__(self, image: str, installation_id: str, **spec: Any) -> None:
        self._image = image
        self._installation_id = installation_id
        self._spec = spec

    def __call__(
        self,
        *command: str,
        job_id: UUID | None = None,
        attempt: int = 1,
        confirm_lease: Callable[[], float] = lambda: math.inf,
        report: Callable[[str], None] = lambda line: None,
        environment: dict[str, str] | None = None,
        secrets: dict[str, str] | None = None,
        image: str | None = None,
        **spec: Any,
    ) -> ExecutionRequest:
        """The request for an attempt, of a new job unless one is given."""
        job_id = job_id or uuid4()
        return ExecutionRequest(
            job_id=job_id,
            attempt=attempt,
            name=f"cm-{job_id}-{attempt}",
            spec=ContainerSpec(image=image or self._image, command=command, **{**self._spec, **spec}),
            environment=environment or {},
            secrets=secrets or {},
            installation_id=self._installation_id,
            confirm_lease=confirm_lease,
            report=report,
        )


def wait_for_end(executor: ContainerExecutor, execution_id: str) -> ExecutionState:
    """How an execution ended, as soon as it has."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = executor.check_status(execution_id)
        if state.has_ended:
            return state
        time.sleep(0.05)
    raise AssertionError(f"{execution_id} has not ended: {state}")
