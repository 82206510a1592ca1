"""Limits on what a job may use."""

import attrs

from container_manager_core.validation import require_integer, require_number


@attrs.frozen(kw_only=True)
class Resources:
    """Limits on what a job may use. None means the platform's own default.

    Attributes:
        memory_mib: memory, in MiB (1,048,576 bytes).
        cpus: CPU cores; a fraction is a share of one.
        pids: most processes and threads at once.
        gpus: GPUs to reserve.
    """

    memory_mib: int | None = None
    cpus: float | None = None
    pids: int | None = None
    gpus: int | None = None

    def __attrs_post_init__(self) -> None:
        require_integer("resources.memory_mib", self.memory_mib, 4, 16 * 1024 * 1024, "MiB")
        require_integer("resources.pids", self.pids, 1, 4_194_304, "processes")
        require_integer("resources.gpus", self.gpus, 1, 1024, "GPUs")
        require_number("resources.cpus", self.cpus, 0.01, 1024, "cores")
