"""The sizes that Cloud Run Jobs has, and which one a request gets."""

import attrs

from container_manager_core.executor import Problem
from container_manager_core.resources import Resources

_MEMORY = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""Least and most MiB by CPUs, for the second generation, in which jobs run.

Source: https://cloud.google.com/run/docs/configuring/services/cpu and .../memory-limits, read 2026-11-21. Fractions
of a CPU are for services alone.
"""


@attrs.frozen(kw_only=True)
class Size:
    """A size that the platform has.

    Attributes:
        cpus: whole CPUs.
        memory_mib: MiB of memory.
    """

    cpus: int
    memory_mib: int

    def __str__(self) -> str:
        return f"{self.cpus} CPUs with {self.memory_mib} MiB"


LARGEST = Size(cpus=8, memory_mib=32_768)


def fit(resources: Resources, cpu_limit: float | None, memory_limit: int | None) -> Size:
    """The smallest size that holds a request; the largest one where none does.

    Args:
        resources: what the job asks for.
        cpu_limit, memory_limit: what it gets where it does not ask.
    """
    cpus = resources.cpus if resources.cpus is not None else (cpu_limit or 1)
    memory = resources.memory_mib if resources.memory_mib is not None else (memory_limit or 1)
    for step, (least, most) in _MEMORY.items():
        if step >= cpus and most >= memory:
            return Size(cpus=step, memory_mib=max(memory, least))
    return LARGEST


def problems(resources: Resources) -> list[Problem]:
    """What no size holds, each with the nearest."""
    found = []
    if resources.cpus is not None and resources.cpus > LARGEST.cpus:
        found.append(
            Problem(
                place="resources.cpus",
                message=f"Cloud Run has no size with {resources.cpus:g} CPUs",
                remedy=f"the nearest is {LARGEST}",
            )
        )
    if resources.memory_mib is not None and resources.memory_mib > LARGEST.memory_mib:
        found.append(
            Problem(
                place="resources.memory_mib",
                message=f"Cloud Run has no size with {resources.memory_mib} MiB",
                remedy=f"the nearest is {LARGEST}",
            )
        )
    return found
