"""What a run on a host costs, before it and after it.

A host's own ``cost_per_hour`` replaces its platform's price list; its ``cost_per_job`` comes on top of either.
"""

from decimal import Decimal
from typing import Any

import attrs

from container_manager_core.amounts import rounded
from container_manager_core.executor import ExecutorType
from container_manager_core.host import Host
from container_manager_core.spec import ContainerSpec

SECONDS_PER_HOUR = 3600


@attrs.frozen(kw_only=True)
class Price:
    """The price of a spec on a host, in the currency all hosts share.

    Attributes:
        per_job: for each start.
        per_hour: for each hour that it runs.
    """

    per_job: Decimal = Decimal(0)
    per_hour: Decimal = Decimal(0)

    def cost(self, seconds: Decimal | float) -> Decimal:
        """The cost of a run of that length, in whole millionths."""
        return rounded(self.per_job + self.per_hour * max(Decimal(str(seconds)), Decimal(0)) / SECONDS_PER_HOUR)

    def seconds(self, cost: Decimal) -> float | None:
        """How long a run may be for that cost; None for as long as it wants."""
        if not self.per_hour:
            return None
        return max(0.0, float((cost - self.per_job) * SECONDS_PER_HOUR / self.per_hour))


FREE = Price()


def price(host: Host, executor_type: ExecutorType, options: Any, spec: ContainerSpec) -> Price:
    """The price of a spec on a host.

    Args:
        options: of the host, as the executor type's ``options`` class.
    """
    per_hour = host.cost_per_hour
    if not per_hour and executor_type.price is not None:
        per_hour = executor_type.price(options, spec)
    return Price(per_job=host.cost_per_job, per_hour=per_hour)


def estimate(host: Host, executor_type: ExecutorType, options: Any, spec: ContainerSpec, seconds: float) -> Decimal:
    """What a run of that length is going to cost, in whole millionths."""
    return price(host, executor_type, options, spec).cost(seconds)


def expected_seconds(host: Host, spec: ContainerSpec) -> float:
    """How long a run is expected to take: what the spec says, else its timeout, else what is usual on the host."""
    return spec.expected_seconds or spec.timeout_seconds or host.expected_seconds


def longest_seconds(host: Host, spec: ContainerSpec) -> float:
    """For how long a run has to be paid at its start: up to its timeout; without one, as long as is expected."""
    return spec.timeout_seconds or expected_seconds(host, spec)
