"""What every command shares: the configuration and the manager."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from container_manager_core.manager import ContainerManager

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id, or the beginning of one.")]


@contextmanager
def open_manager(context: typer.Context) -> Iterator["ContainerManager"]:
    """The manager of the configuration that ``--config`` or the environment names."""
    from container_manager_core.config import Config
    from container_manager_core.manager import ContainerManager

    with ContainerManager(Config.load(config_path(context))) as manager:
        yield manager


def config_path(context: typer.Context) -> Path | None:
    """The file that ``--config`` names."""
    path = context.find_root().params.get("config")
    return Path(path) if path else None
