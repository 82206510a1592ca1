"""What a job costs on Cloud Run."""

from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.resources import files

from container_manager_cloudrun.options import CloudRunOptions
from container_manager_cloudrun.sizes import Size, fit
from container_manager_core.costs import Prices, Rates
from container_manager_core.spec import ContainerSpec

_STEP_SECONDS = Decimal("0.1")
"""Time is billed in steps of 100 ms. Source: https://cloud.google.com/run/pricing, read 2026-11-21."""


@cache
def _brought_along() -> Prices:
    return Prices.load(files("container_manager_cloudrun") / "prices.toml")


def rates_of(options: CloudRunOptions) -> Rates | None:
    """What the host's region charges; None where the price list does not have it.

    Raises:
        ConfigurationError: the option ``prices`` names no price list.
    """
    prices = Prices.load(options.prices) if options.prices is not None else _brought_along()
    return prices.rates(options.region)


def size_of(options: CloudRunOptions, spec: ContainerSpec) -> Size:
    """The size that a spec gets on a host."""
    return fit(spec.resources, options.cpu_limit, options.memory_limit)


def price(options: CloudRunOptions, spec: ContainerSpec) -> Decimal:
    """Cost of an hour of a spec; 0 where the price list does not have the region."""
    rates = rates_of(options)
    size = size_of(options, spec)
    return rates.per_hour(size.cpus, size.memory_mib) if rates is not None else Decimal(0)


def cost(rates: Rates, size: Size, seconds: float) -> Decimal:
    """Cost of one run, without the free tier, traffic and what other services charge."""
    steps = (Decimal(str(max(seconds, 0.0))) / _STEP_SECONDS).to_integral_value(ROUND_CEILING)
    return rates.cost(size.cpus, size.memory_mib, steps * _STEP_SECONDS)
