"""When a failed attempt is followed by another."""

import random
from collections.abc import Callable, Iterable

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.failure import INFRASTRUCTURE, Failure, FailureKind
from container_manager_core.freezing import frozen_sequence
from container_manager_core.validation import require_given, require_integer, require_member, require_number


def _kinds(given: Iterable[FailureKind | str]) -> frozenset[FailureKind]:
    return frozenset(
        require_member("retry.retry_on", kind, FailureKind) for kind in frozen_sequence(given, "retry.retry_on")
    )


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a failed attempt is followed by another.

    Attempts that failed for no fault of the job (no room, lost, the platform itself) are
    counted apart, so that they never use up the job's own.

    Attributes:
        max_attempts: attempts the job itself may use; 1 means no retry.
        retry_on: the kinds of failure that are tried again.
        max_infrastructure_attempts: further attempts after failures of the platform.
        backoff_seconds: pause before the second attempt; each further one doubles it.
        max_backoff_seconds: the longest pause.
        jitter: share of the pause, 0 to 1, that is left to chance.
    """

    max_attempts: int = 1
    retry_on: frozenset[FailureKind] = attrs.field(
        default=frozenset({FailureKind.EXIT, FailureKind.OUT_OF_MEMORY, FailureKind.TIMEOUT}),
        converter=_kinds,
    )
    max_infrastructure_attempts: int = 5
    backoff_seconds: float = 1.0
    max_backoff_seconds: float = 300.0
    jitter: float = 0.1

    def __attrs_post_init__(self) -> None:
        for place in (
            "max_attempts",
            "max_infrastructure_attempts",
            "backoff_seconds",
            "max_backoff_seconds",
            "jitter",
        ):
            require_given(f"retry.{place}", getattr(self, place))
        require_integer("retry.max_attempts", self.max_attempts, 1, 1000, "attempts")
        require_integer("retry.max_infrastructure_attempts", self.max_infrastructure_attempts, 0, 1000, "attempts")
        require_number("retry.backoff_seconds", self.backoff_seconds, 0, 86400, "seconds")
        require_number("retry.max_backoff_seconds", self.max_backoff_seconds, 0, 7 * 86400, "seconds")
        require_number("retry.jitter", self.jitter, 0, 1, "")
        own_fault = self.retry_on & INFRASTRUCTURE
        if own_fault:
            raise InvalidInput(
                "retry.retry_on",
                f"{sorted(own_fault)[0].value!r} is a failure of the platform",
                "those are tried again by themselves: see max_infrastructure_attempts",
            )

    def pause_before_next(
        self, failures: Iterable[Failure | None], chance: Callable[[], float] = random.random
    ) -> float | None:
        """Seconds until the next attempt, or None when there is none.

        Args:
            failures: how every attempt since submission or restart ended, the latest last.
            chance: a number from 0 to 1 for the jitter.
        """
        ended = [failure for failure in failures if failure is not None]
        if not ended:
            return None
        of_platform = [failure for failure in ended if failure.kind in INFRASTRUCTURE]
        own = len(ended) - len(of_platform)
        latest = ended[-1]
        if latest.kind in INFRASTRUCTURE:
            allowed = latest.retryable and len(of_platform) <= self.max_infrastructure_attempts
            earlier = len(of_platform) - 1
        else:
            allowed = latest.kind in self.retry_on and own < self.max_attempts
            earlier = own - 1
        if not allowed:
            return None
        pause = min(self.backoff_seconds * 2.0 ** min(earlier, 62), self.max_backoff_seconds)
        return pause * (1 - self.jitter * chance())
