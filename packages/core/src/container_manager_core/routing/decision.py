"""What comes of a decision."""

import attrs

from container_manager_core.host import Host
from container_manager_core.job import Candidate, Route
from container_manager_core.routing.judge import Judge
from container_manager_core.routing.pool import Pool
from container_manager_core.rules import Facts


@attrs.frozen(kw_only=True)
class Choice:
    """A host for a job, and what a `Route` is told from.

    Attributes:
        host: None when none can take the job now.
        pool: the hosts that the job may run on.
        narrowed: those of them that a rule means, when one matched.
        rule: the position of the rule that matched; -1 when none did.
        facts: what the rules were asked with; None when none was asked.
        judge: says why hosts were passed over.
        by_plugin: whether a plugin chose.
    """

    host: Host | None
    pool: Pool
    judge: Judge
    narrowed: Pool | None = None
    rule: int = -1
    facts: Facts | None = None
    by_plugin: bool = False


@attrs.frozen(kw_only=True)
class Refusal:
    """No host can take the job.

    Attributes:
        route: the decision with its reasons; its host is None.
        permanent: whether waiting cannot help.
        full: whether some host would take it if it had room.
    """

    route: Route
    permanent: bool
    full: bool = False

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return self.route.reason

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The hosts that were looked at, each with its own reason."""
        return self.route.candidates
