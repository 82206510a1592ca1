"""One host as routing sees it."""

from enum import StrEnum

import attrs

from container_manager_core.executor import ExecutorType
from container_manager_core.host import Host


class Standing(StrEnum):
    """Whether a host takes jobs at all; the words say why not."""

    OPEN = "it has room"
    FULL = "it is full"
    FAILING = "it does not answer"
    INACTIVE = "it is not active"
    MISSING = "its executor is not installed"
    GONE = "it is no longer configured"


@attrs.define(eq=False, kw_only=True)
class Slot:
    """A host, how many jobs are on it, and whether it takes more. Only the index changes it.

    Attributes:
        host: the host.
        position: among all hosts; settles who goes first where weights do not. No two slots share one.
        executor_type: None when nothing installed brings it.
        stride: how far one job moves it back in the order of its pools: the lighter the host, the farther.
        live: jobs launching or running on it, decisions not yet stored among them.
        problem: what its latest failure said; None while it answers.
        gone: whether it is no longer configured.
        standing: what follows from all this.
    """

    host: Host
    position: int
    executor_type: ExecutorType | None
    stride: float
    live: int = 0
    problem: str | None = None
    gone: bool = False
    standing: Standing = Standing.OPEN

    def current_standing(self) -> Standing:
        """What follows from the other attributes."""
        if self.gone:
            return Standing.GONE
        if self.executor_type is None:
            return Standing.MISSING
        if not self.host.active:
            return Standing.INACTIVE
        if self.problem is not None:
            return Standing.FAILING
        return Standing.FULL if self.live >= self.host.max_concurrent_jobs else Standing.OPEN

    @property
    def places(self) -> int:
        """How many more jobs it takes."""
        return self.host.max_concurrent_jobs - self.live if self.standing is Standing.OPEN else 0

    @property
    def obstacle(self) -> str | None:
        """Why it takes no job now, or None when it does."""
        if self.standing is Standing.OPEN:
            return None
        if self.standing is Standing.FULL:
            return f"it is full ({self.host.max_concurrent_jobs} jobs)"
        if self.standing is Standing.FAILING:
            return self.problem or str(self.standing)
        if self.standing is Standing.MISSING:
            name = self.host.executor
            return f"no installed distribution brings the executor {name!r}; pip install container-manager-{name}"
        return str(self.standing)
