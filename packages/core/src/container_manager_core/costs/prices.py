"""A platform's price list: a dated data file that an executor brings and a user can replace."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import attrs

from container_manager_core.errors import ConfigurationError
from container_manager_core.freezing import frozen_mapping
from container_manager_core.structuring import structure

_RATES = ("per_vcpu_second", "per_gib_second", "per_job")
_MIB_PER_GIB = 1024


class ReadableText(Protocol):
    """A file: a path, or what `importlib.resources.files` gives."""

    def read_text(self, encoding: str | None = None) -> str:
        """The whole text."""
        ...


@attrs.frozen(kw_only=True)
class Rates:
    """What a region charges.

    Attributes:
        per_vcpu_second, per_gib_second: for each vCPU and GiB (1024 MiB) that is reserved.
        per_job: for each start.
        minimum_seconds: the shortest time that is billed.
    """

    per_vcpu_second: Decimal
    per_gib_second: Decimal
    per_job: Decimal = Decimal(0)
    minimum_seconds: int = 0

    def __attrs_post_init__(self) -> None:
        for field in _RATES:
            amount = getattr(self, field)
            if not amount.is_finite() or amount < 0:
                raise ConfigurationError(field, f"{amount} is no price", "use 0 or more")

    def cost(self, cpus: Decimal | float, memory_mib: int, seconds: Decimal | float) -> Decimal:
        """The cost of one run of that size and length, not rounded."""
        billed = max(Decimal(str(seconds)), Decimal(self.minimum_seconds))
        return self.per_job + billed * self._per_second(cpus, memory_mib)

    def per_hour(self, cpus: Decimal | float, memory_mib: int) -> Decimal:
        """The cost of an hour at that size, without what each start costs."""
        return 3600 * self._per_second(cpus, memory_mib)

    def _per_second(self, cpus: Decimal | float, memory_mib: int) -> Decimal:
        return Decimal(str(cpus)) * self.per_vcpu_second + Decimal(memory_mib) / _MIB_PER_GIB * self.per_gib_second


@attrs.frozen(kw_only=True)
class Prices:
    """A price list.

    Attributes:
        source: where the prices were read.
        date: when.
        currency: three letters, for example ``USD``.
        regions: the rates by the platform's name of the region.
    """

    source: str
    date: date
    currency: str
    regions: Mapping[str, Rates] = attrs.field(converter=frozen_mapping)

    @classmethod
    def load(cls, file: Path | ReadableText) -> "Prices":
        """The price list in a TOML file: ``source``, ``date``, ``currency`` and a table ``regions.<name>`` each.

        Raises:
            ConfigurationError: the file cannot be read, or is no price list.
        """
        import tomllib

        try:
            table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(
                str(file), f"the price list cannot be read ({error.strerror})", "check the path"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(str(file), f"this is no valid TOML: {error}", "correct it there") from error
        return structure(table, cls, str(file))

    def rates(self, region: str) -> Rates | None:
        """The rates of a region; None where the list has none."""
        return self.regions.get(region)
