"""What tasks cost.

Billed are the reserved vCPUs and GiB from the beginning of the image pull to the end of the task, by the second,
one minute at least. Disk over 20 GiB, public addresses, logs and traffic are billed apart and not counted here.
"""

from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path

from container_manager_core.costs import Prices, Rates
from container_manager_core.spec import ContainerSpec
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.sizes import fit


@cache
def price_list(path: Path | None) -> Prices:
    """The price list of a file; the one that this package brings when there is none.

    Regions are named as the platform does; for ARM with ``/arm64`` behind, on spare capacity with ``/spot``.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    return Prices.load(path or resources.files(__package__) / "prices.toml")


def rates_of(options: FargateOptions, region: str | None, platform: str | None) -> Rates | None:
    """What a host charges for a platform such as ``linux/arm64``; None where the list has nothing."""
    suffix = "/arm64" if "arm64" in (platform or "") else ""
    suffix += "/spot" if options.spot else ""
    return price_list(options.prices).rates(f"{region}{suffix}")


def price_per_hour(options: FargateOptions, spec: ContainerSpec) -> Decimal:
    """What an hour of the spec costs on a host; 0 where the region is not given or its price is not known."""
    rates, size = rates_of(options, options.region, spec.platform), fit(spec.resources)
    if rates is None or size is None:
        return Decimal(0)
    return rates.per_hour(size.cpus, size.memory_mib)
