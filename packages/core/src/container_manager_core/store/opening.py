"""From the URL of a store to the store."""

from pathlib import Path

from container_manager_core.clock import Clock, SystemClock
from container_manager_core.errors import ConfigurationError
from container_manager_core.store.protocol import JobStore

_SQLITE = "sqlite:///"


def open_store(url: str, *, clock: Clock | None = None, relative_to: Path | None = None) -> JobStore:
    """The store of a URL; nothing is read or made before its first use.

    Args:
        url: ``memory:``, ``sqlite:///jobs.sqlite3`` (relative) or ``sqlite:////var/lib/jobs.sqlite3`` (absolute).
        clock: judges leases and due times; the machine's own when left out.
        relative_to: the folder of a relative path; the working directory when left out.

    Raises:
        ConfigurationError: a URL of another form.
    """
    clock = clock or SystemClock()
    if url == "memory:":
        from container_manager_core.store.memory import MemoryStore

        return MemoryStore(clock)
    path = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not path or "\0" in path:
        raise ConfigurationError(
            "store", f"{url!r} is no store", "write 'memory:', 'sqlite:///file' or 'sqlite:////absolute/path/to/file'"
        )
    from container_manager_core.store.sqlite import SqliteStore

    return SqliteStore((relative_to or Path.cwd()) / path, clock)
