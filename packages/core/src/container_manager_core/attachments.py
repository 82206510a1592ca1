"""What a container is joined to: mounts and ports."""

from enum import StrEnum

import attrs

from container_manager_core.errors import InvalidInput
from container_manager_core.validation import (
    require_boolean,
    require_given,
    require_instance,
    require_integer,
    require_member,
    require_text,
)


class MountKind(StrEnum):
    """Where the content of a mount comes from."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


def _kind(word: MountKind | str) -> MountKind:
    return require_member("mounts.kind", word, MountKind)


@attrs.frozen(kw_only=True)
class Mount:
    """A folder inside the container that comes from elsewhere.

    Attributes:
        target: absolute path inside the container.
        kind: ``bind`` (a path on the host), ``volume`` (a named volume) or ``tmpfs`` (memory).
        source: the host's absolute path or the volume's name; empty for ``tmpfs``.
        read_only: whether the container may only read it.
        size_mib: largest size of a ``tmpfs``, in MiB.
    """

    target: str
    kind: MountKind = attrs.field(default=MountKind.BIND, converter=_kind)
    source: str = ""
    read_only: bool = False
    size_mib: int | None = None

    def __attrs_post_init__(self) -> None:
        require_text("mounts.target", self.target)
        require_instance("mounts.source", self.source, str)
        require_boolean("mounts.read_only", self.read_only)
        if not self.target.startswith("/"):
            raise InvalidInput("mounts.target", f"{self.target!r} is not absolute", "begin it with '/'")
        if self.kind is MountKind.BIND and not self.source.startswith("/"):
            raise InvalidInput("mounts.source", f"{self.source!r} is not absolute", "name a path on the host")
        if self.kind is MountKind.VOLUME and not self.source:
            raise InvalidInput("mounts.source", "a volume needs a name", "name the volume")
        if self.kind is MountKind.TMPFS and self.source:
            raise InvalidInput("mounts.source", f"a tmpfs has no source, not {self.source!r}", "leave it empty")
        require_integer("mounts.size_mib", self.size_mib, 1, 16 * 1024 * 1024, "MiB")


@attrs.frozen(kw_only=True)
class Port:
    """A port of the container that the host makes reachable.

    Attributes:
        container_port: the port inside the container.
        host_port: the port on the host; None lets the host choose one.
        protocol: ``tcp`` or ``udp``.
        host_address: the host's address that listens; loopback unless told otherwise.
    """

    container_port: int
    host_port: int | None = None
    protocol: str = attrs.field(default="tcp")
    host_address: str = "127.0.0.1"

    def __attrs_post_init__(self) -> None:
        require_given("ports.container_port", self.container_port)
        require_text("ports.host_address", self.host_address)
        require_integer("ports.container_port", self.container_port, 1, 65535, "")
        require_integer("ports.host_port", self.host_port, 1, 65535, "")
        if self.protocol not in ("tcp", "udp"):
            raise InvalidInput("ports.protocol", f"{self.protocol!r} is no protocol", "write 'tcp' or 'udp'")
