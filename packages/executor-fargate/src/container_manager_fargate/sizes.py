"""The sizes that a task can have.

Source: the API reference of RegisterTaskDefinition, ``cpu`` and ``memory``, as of November 2026.
"""

import math
from collections.abc import Mapping, Sequence

import attrs

from container_manager_core.executor import Problem
from container_manager_core.resources import Resources

_GIB = 1024
_UNITS_PER_CPU = 1024
MEMORY_MIB_BY_CPU_UNITS: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
"""What memory goes with how much CPU, in units of 1/1024 vCPU, smallest first."""


@attrs.frozen(kw_only=True)
class Size:
    """A size that the platform has.

    Attributes:
        cpu_units: units of 1/1024 vCPU.
        memory_mib: memory in MiB.
    """

    cpu_units: int
    memory_mib: int

    @property
    def cpus(self) -> float:
        """The same in vCPUs."""
        return self.cpu_units / _UNITS_PER_CPU

    def __str__(self) -> str:
        return f"{self.cpus:g} vCPU with {self.memory_mib} MiB"


def fit(resources: Resources) -> Size | None:
    """The smallest size that holds as much as is asked for; None where there is none."""
    cpu_units = math.ceil((resources.cpus or 0) * _UNITS_PER_CPU)
    memory_mib = resources.memory_mib or 0
    for units, memories in MEMORY_MIB_BY_CPU_UNITS.items():
        if units >= cpu_units and memories[-1] >= memory_mib:
            return Size(cpu_units=units, memory_mib=next(each for each in memories if each >= memory_mib))
    return None


def misfit(resources: Resources) -> Problem:
    """What is wrong with resources for which there is no size, with the nearest sizes."""
    units, memories = max(MEMORY_MIB_BY_CPU_UNITS.items())
    largest = Size(cpu_units=units, memory_mib=memories[-1])
    nearest = [largest]
    if (resources.cpus or 0) <= largest.cpus:
        place, asked = "resources.memory_mib", f"{resources.memory_mib} MiB"
    else:
        place, asked = "resources.cpus", f"{resources.cpus:g} vCPU"
        memory_mib = next((each for each in memories if each >= (resources.memory_mib or 0)), memories[-1])
        nearest = [Size(cpu_units=units, memory_mib=memory_mib)]
    return Problem(
        place=place,
        message=f"Fargate has no size with {asked}",
        remedy=f"the nearest is {', '.join(map(str, nearest))}",
    )
