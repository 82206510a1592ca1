"""Registers the executor ``folder``. Imports nothing that takes time: that waits for the first executor."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from container_manager_core.executor import Capability, ContainerExecutor, ExecutorContext, ExecutorType
from container_manager_core.hookspecs import hookimpl


@attrs.frozen(kw_only=True)
class FolderOptions:
    """The options of a host.

    Attributes:
        path: the folder in which every execution gets one of its own.
    """

    path: str = attrs.field(factory=lambda: str(Path(tempfile.gettempdir()) / "container-manager-folder"))


def _make(options: FolderOptions, context: ExecutorContext) -> ContainerExecutor:
    from container_manager_folder.executor import FolderExecutor

    return FolderExecutor(options, context)


FOLDER = ExecutorType(
    name="folder",
    title="Commands in folders of this machine (an example)",
    options=FolderOptions,
    capabilities=frozenset(
        {
            Capability.IDEMPOTENT_LAUNCH,
            Capability.LIVE_LOGS,
            Capability.SEPARATE_STREAMS,
            Capability.BINARY_LOGS,
        }
    ),
    factory=_make,
    automatic=False,
)


@hookimpl
def container_manager_executors() -> Sequence[ExecutorType]:
    """What this distribution brings."""
    return [FOLDER]
