"""Mounts, ports and the pull policy in the forms that users of ``docker run`` know."""

import re
from pathlib import Path

import attrs

from container_manager_core.attachments import Mount, MountKind, Port
from container_manager_core.errors import InvalidInput
from container_manager_core.spec import PullPolicy

_PORT = re.compile(
    r"(?:(?:(?P<address>\[[0-9A-Fa-f:]+\]|[0-9.]+):)?(?P<host>[0-9]*):)?(?P<container>[0-9]+)(?:/(?P<protocol>\w+))?"
)
_SIZE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_MIB = 1024**2
_ACCEPTED_MODES = frozenset({"ro", "rw", "z", "Z", "cached", "delegated", "consistent"})


def mount(text: str) -> Mount:
    """A mount from ``SRC:DST[:ro]`` or ``type=bind,source=SRC,target=DST[,readonly]``.

    A source that begins with ``/``, ``.`` or ``~`` is a path of this machine, any other the name of a volume.

    Raises:
        InvalidInput: place ``--mount``.
    """
    try:
        return _long_mount(text) if text.startswith("type=") else _short_mount(text)
    except InvalidInput as error:
        raise _at("--mount", text, error) from error


def tmpfs(text: str) -> Mount:
    """A mount of memory from ``PATH[:size=N]``; the size in bytes, or with k, m or g.

    Raises:
        InvalidInput: place ``--tmpfs``.
    """
    target, _, options = text.partition(":")
    try:
        kept = Mount(target=target, kind=MountKind.TMPFS)
        for option in filter(None, options.split(",")):
            kept = _with_tmpfs_option(kept, option)
    except InvalidInput as error:
        raise _at("--tmpfs", text, error) from error
    return kept


def port(text: str) -> Port:
    """A port from ``[[ADDRESS:]HOST_PORT:]CONTAINER_PORT[/tcp|udp]``.

    Raises:
        InvalidInput: place ``--publish``.
    """
    match = _PORT.fullmatch(text)
    if match is None:
        raise InvalidInput("--publish", f"{text!r} names no port", "write [[ADDRESS:]PORT:]PORT[/udp], one port each")
    facts = {"host_address": match["address"].strip("[]")} if match["address"] else {}
    try:
        return Port(
            container_port=int(match["container"]),
            host_port=int(match["host"]) if match["host"] else None,
            protocol=match["protocol"] or "tcp",
            **facts,
        )
    except InvalidInput as error:
        raise _at("--publish", text, error) from error


def pull_policy(text: str | None) -> PullPolicy | None:
    """The pull policy of that name.

    Raises:
        InvalidInput: place ``--pull``.
    """
    if text is None:
        return None
    try:
        return PullPolicy(text)
    except ValueError:
        known = ", ".join(policy.value for policy in PullPolicy)
        raise InvalidInput("--pull", f"{text!r} is no pull policy", f"use one of: {known}") from None


def _short_mount(text: str) -> Mount:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise InvalidInput("", "it is not of the form SRC:DST[:ro]", "write for example /data:/data:ro")
    modes = set(parts[2].split(",")) if len(parts) == 3 else set()
    unknown = sorted(modes - _ACCEPTED_MODES)
    if unknown:
        raise InvalidInput("", f"{unknown[0]!r} is no mode of a mount", "use ro or rw")
    return _mount_from(parts[0], parts[1], "ro" in modes)


def _mount_from(source: str, target: str, read_only: bool) -> Mount:
    if source[:1] in ("/", ".", "~"):
        path = str(Path(source).expanduser().absolute())
        return Mount(target=target, source=path, read_only=read_only)
    return Mount(target=target, kind=MountKind.VOLUME, source=source, read_only=read_only)


def _long_mount(text: str) -> Mount:
    names = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
    fields: dict[str, str] = {}
    for word in text.split(","):
        name, _, value = word.partition("=")
        fields[names.get(name, name)] = value
    unknown = sorted(fields.keys() - {"type", "source", "target", "readonly"})
    if unknown:
        raise InvalidInput("", f"the key {unknown[0]!r} is unknown", "known are: type, source, target, readonly")
    if fields["type"] not in set(MountKind):
        raise InvalidInput("", f"{fields['type']!r} is no kind of mount", "use bind, volume or tmpfs")
    read_only = fields.get("readonly", "false").lower() in ("", "true", "1")
    return Mount(
        target=fields.get("target", ""),
        kind=MountKind(fields["type"]),
        source=fields.get("source", ""),
        read_only=read_only,
    )


def _with_tmpfs_option(kept: Mount, option: str) -> Mount:
    if option in ("ro", "rw"):
        return attrs.evolve(kept, read_only=option == "ro")
    name, _, value = option.partition("=")
    size = _SIZE.fullmatch(value)
    if name != "size" or size is None:
        raise InvalidInput("", f"{option!r} is no option of a tmpfs", "write size=64m, ro or rw")
    size_bytes = int(size["number"]) * _UNITS[size["unit"].lower()]
    return attrs.evolve(kept, size_mib=-(-size_bytes // _MIB))


def _at(option: str, text: str, error: InvalidInput) -> InvalidInput:
    return InvalidInput(option, f"{text!r} cannot be used: {error.problem}", error.remedy)
