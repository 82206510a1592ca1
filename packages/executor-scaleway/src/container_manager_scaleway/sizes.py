"""The sizes that Serverless Jobs have.

Any size between the smallest and the largest is accepted: CPU in thousandths of a vCPU, memory in MiB, each free of
the other: see `limits`.
"""

import math
from collections.abc import Iterator

import attrs

from container_manager_core.executor import Problem
from container_manager_core.resources import Resources
from container_manager_scaleway.limits import SMALLEST_MEMORY_MIB, SMALLEST_MILLI_CPUS


@attrs.frozen(kw_only=True)
class Limits:
    """What an account may ask for, and what a job gets that does not ask.

    Attributes:
        memory_mib, cpus: for a job that does not say.
        largest_memory_mib, largest_cpus: the most that one run may have.
    """

    memory_mib: int
    cpus: float
    largest_memory_mib: int
    largest_cpus: float


@attrs.frozen
class Size:
    """A run's size as Scaleway writes it: MiB and thousandths of a vCPU."""

    memory_mib: int
    milli_cpus: int

    @property
    def cpus(self) -> float:
        """The vCPUs."""
        return self.milli_cpus / 1000


def size_of(resources: Resources, limits: Limits) -> Size:
    """The smallest size that holds what was asked for."""
    memory_mib = limits.memory_mib if resources.memory_mib is None else resources.memory_mib
    cpus = limits.cpus if resources.cpus is None else resources.cpus
    # Rounded first: 1.12 * 1000 is a little more than 1120.
    milli_cpus = math.ceil(round(cpus * 1000, 6))
    return Size(max(memory_mib, SMALLEST_MEMORY_MIB), max(milli_cpus, SMALLEST_MILLI_CPUS))


def problems(size: Size, limits: Limits) -> Iterator[Problem]:
    """What is too large, with the nearest size that there is."""
    if size.memory_mib > limits.largest_memory_mib:
        yield Problem(
            place="resources.memory_mib",
            message=f"Serverless Jobs have no size with {size.memory_mib} MiB of memory",
            remedy=f"the nearest is {limits.largest_memory_mib} MiB",
        )
    if size.cpus > limits.largest_cpus:
        yield Problem(
            place="resources.cpus",
            message=f"Serverless Jobs have no size with {size.cpus:g} vCPU",
            remedy=f"the nearest is {limits.largest_cpus:g} vCPU",
        )
