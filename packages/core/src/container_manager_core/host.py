"""One configured place to run jobs."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.freezing import frozen_mapping
from container_manager_core.validation import (
    require_boolean,
    require_given,
    require_instance,
    require_integer,
    require_number,
    require_text,
)


def _price(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidInput("host.cost", f"{value!r} is no amount of money", "write a number such as 0.25") from error


def _labels(given: Any) -> Mapping[str, str]:
    labels = frozen_mapping(given, "host.labels")
    for name, value in labels.items():
        require_instance("host.labels", name, str)
        require_instance(f"host.labels[{name!r}]", value, str)
    return labels


@attrs.frozen(kw_only=True)
class Host:
    """One configured place to run: an engine's socket, a project and region, a cluster.

    Attributes:
        name: unique among the hosts.
        executor: name of the executor type.
        config: the executor's own options; checked by its typed config.
        weight: 1 to 1000; a host of 200 gets twice the jobs of one of 100.
        max_concurrent_jobs: most jobs launching or running at once, over all workers.
        cost_per_hour: price in the currency all hosts share; 0 leaves it to the platform's price list, if it has one.
        cost_per_job: price of each start, on top of either.
        expected_seconds: how long a job runs there that gives neither an expectation nor a timeout, for estimates.
        labels: facts for routing.
        active: whether it takes new jobs.
    """

    name: str
    executor: str
    config: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    weight: int = 100
    max_concurrent_jobs: int = 10
    cost_per_hour: Decimal = attrs.field(default=Decimal(0), converter=_price)
    cost_per_job: Decimal = attrs.field(default=Decimal(0), converter=_price)
    expected_seconds: float = 3600.0
    labels: Mapping[str, str] = attrs.field(factory=dict, converter=_labels)
    active: bool = True

    def __attrs_post_init__(self) -> None:
        require_text("host.name", self.name)
        require_text(f"hosts.{self.name}.executor", self.executor)
        for field in ("weight", "max_concurrent_jobs", "expected_seconds"):
            require_given(f"hosts.{self.name}.{field}", getattr(self, field))
        require_boolean(f"hosts.{self.name}.active", self.active)
        require_number(f"hosts.{self.name}.expected_seconds", self.expected_seconds, 0.001, 366 * 86400, "seconds")
        require_integer(f"hosts.{self.name}.weight", self.weight, 1, 1000, "")
        require_integer(f"hosts.{self.name}.max_concurrent_jobs", self.max_concurrent_jobs, 1, 1_000_000, "jobs")
        for field in ("cost_per_hour", "cost_per_job"):
            price = getattr(self, field)
            if not price.is_finite() or price < 0:
                raise InvalidInput(f"hosts.{self.name}.{field}", f"{price} is no price", "use 0 or more")
