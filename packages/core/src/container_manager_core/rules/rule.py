"""One routing rule."""

from collections.abc import Callable, Mapping

import attrs

from container_manager_core.errors import ConfigurationError
from container_manager_core.freezing import frozen_mapping
from container_manager_core.rules.conditions import Condition
from container_manager_core.rules.facts import Facts
from container_manager_core.validation import require_boolean, require_integer


@attrs.frozen(kw_only=True)
class Rule:
    """Jobs of which the condition holds go to these hosts.

    Attributes:
        condition: an expression, see `Condition`, or a callable that is given the job's `Facts`.
        executor: hosts of this executor.
        host: this host.
        labels: hosts that have these labels. What is given of the three must all be so, and one must be given.
        reason: why, in words that are stored on the job.
        required: whether the job waits when none of these hosts can take it; otherwise it then goes by weight
            among the others.
        priority: higher ones are asked first; among equals, the order of writing counts.
    """

    condition: str | Callable[[Facts], object]
    executor: str | None = None
    host: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_mapping)
    reason: str = ""
    required: bool = False
    priority: int = 0
    checked: Condition | None = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        require_boolean(f"{self}.required", self.required)
        require_integer(f"{self}.priority", self.priority, -1_000_000, 1_000_000, "")
        if not (self.executor or self.host or self.labels):
            raise ConfigurationError(str(self), "the rule sends jobs nowhere", "give it an executor, a host or labels")
        if not isinstance(self.condition, str) and not callable(self.condition):
            raise ConfigurationError(
                f"{self}.condition", f"{self.condition!r} is no condition", "write an expression in quotes"
            )
        checked = Condition.parse(self.condition, str(self)) if isinstance(self.condition, str) else None
        object.__setattr__(self, "checked", checked)

    def __str__(self) -> str:
        return f"rule ({self.reason})" if self.reason else "rule"

    @property
    def target(self) -> str:
        """Where it sends jobs, in words."""
        parts = [
            f"host {self.host}" if self.host else "",
            f"executor {self.executor}" if self.executor else "",
            *(f"hosts labelled {name}={value}" for name, value in self.labels.items()),
        ]
        return ", ".join(part for part in parts if part)

    @property
    def text(self) -> str:
        """The condition in words."""
        if isinstance(self.condition, str):
            return self.condition
        return f"{getattr(self.condition, '__qualname__', type(self.condition).__qualname__)}()"
