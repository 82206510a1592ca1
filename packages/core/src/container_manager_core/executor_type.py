"""What a plugin says of the executors that it brings; nothing of what they do is imported for it."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from container_manager_core.clock import Clock, SystemClock

if TYPE_CHECKING:
    from decimal import Decimal

    from container_manager_core.executor import ContainerExecutor
    from container_manager_core.spec import ContainerSpec


class Capability(StrEnum):
    """What an executor can do beyond the required; declared, never discovered by an exception."""

    EVENTS = "events"
    """`ContainerExecutor.events` tells at once when an execution ends."""
    IDEMPOTENT_LAUNCH = "idempotent-launch"
    """The platform itself refuses to start one attempt twice; launching again is always safe."""
    LIVE_LOGS = "live-logs"
    """Output can be read while the execution runs."""
    SEPARATE_STREAMS = "separate-streams"
    """stdout and stderr are told apart; without it everything is stdout."""
    BINARY_LOGS = "binary-logs"
    """Output comes back byte for byte; without it as lines of valid UTF-8."""
    USAGE = "usage"
    """Peak memory and CPU time are measured, for executions that live long enough to be seen."""
    MEMORY_LIMIT = "memory-limit"
    """`Resources.memory_mib` is enforced, and out-of-memory is told apart."""
    CPU_LIMIT = "cpu-limit"
    """`Resources.cpus` is enforced."""
    GRACEFUL_STOP = "graceful-stop"
    """`cancel` lets the command end by itself within the grace period."""
    IMAGES = "images"
    """The image is really used: a missing one fails with kind ``image``."""
    ISOLATION = "isolation"
    """The command runs in a container of its own."""
    PLATFORM_TIMEOUT = "platform-timeout"
    """The platform itself ends an execution at ``timeout_seconds``."""


@attrs.frozen(kw_only=True)
class ExecutorContext:
    """What an executor is told when it is made.

    Attributes:
        host: the host's name, for messages.
        installation_id: put on everything the executor starts, and the filter of `list_owned`.
        clock: where the time comes from.
    """

    host: str
    installation_id: str
    clock: Clock = attrs.field(factory=SystemClock)


@attrs.frozen(kw_only=True)
class ExecutorType:
    """A kind of platform that a plugin can talk to.

    Attributes:
        name: the word in a host's ``executor``.
        title: for people.
        options: an attrs class of the executor's own options; a host's ``config`` becomes one.
        capabilities: what its executors can do.
        factory: makes the executor of a host. The platform's SDK is imported in here, not before.
        automatic: whether routing may choose its hosts for a job that does not ask for them.
        price: cost per hour of a spec on options, where the platform has a price list.
        distribution: who brought it; set by the loader.
    """

    name: str
    title: str
    options: type
    capabilities: frozenset[Capability]
    factory: Callable[[Any, ExecutorContext], "ContainerExecutor"]
    automatic: bool = True
    price: Callable[[Any, "ContainerSpec"], "Decimal"] | None = None
    distribution: str = ""
