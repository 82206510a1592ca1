"""What jobs cost, from the price list."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from container_manager_core.costs import Prices, Rates
from container_manager_core.spec import ContainerSpec
from container_manager_scaleway.options import ScalewayOptions
from container_manager_scaleway.sizes import Limits, size_of


def prices_of(options: ScalewayOptions) -> Prices:
    """The price list of a host: the one it names, else the built-in one.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    built_in = files("container_manager_scaleway") / "prices.toml"
    return Prices.load(Path(options.prices) if options.prices else built_in)


def rates_of(options: ScalewayOptions, region: str) -> Rates | None:
    """The prices in a region; None where the list has none."""
    return prices_of(options).rates(region)


def limits_of(options: ScalewayOptions) -> Limits:
    """The limits of a host."""
    return Limits(
        memory_mib=options.memory_mib,
        cpus=options.cpus,
        largest_memory_mib=options.largest_memory_mib,
        largest_cpus=options.largest_cpus,
    )


def price_per_hour(options: ScalewayOptions, spec: ContainerSpec) -> Decimal:
    """The cost of an hour of a spec; the region's, or the list's highest where the options do not name it."""
    prices = prices_of(options)
    size = size_of(spec.resources, limits_of(options))
    named = prices.rates(options.region) if options.region else None
    candidates = [named] if named else list(prices.regions.values())
    return max((rates.per_hour(size.cpus, size.memory_mib) for rates in candidates), default=Decimal(0))
