"""Policy: which jobs this installation accepts at all."""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any

import attrs

from container_manager_core.attachments import MountKind
from container_manager_core.errors import PolicyRefusal
from container_manager_core.freezing import frozen_sequence
from container_manager_core.spec import ContainerSpec
from container_manager_core.validation import require_integer, require_member, require_number, require_text


class Limit(StrEnum):
    """A limit that a policy can require."""

    MEMORY = "memory"
    CPUS = "cpus"
    PIDS = "pids"
    TIMEOUT = "timeout"
    MAX_COST = "max_cost"


class Privilege(StrEnum):
    """Something that a policy can forbid."""

    PRIVILEGED = "privileged"
    """Full access to the host."""
    NEW_PRIVILEGES = "new-privileges"
    """Programs that gain privileges, such as setuid ones."""
    CAPABILITIES = "capabilities"
    """Linux capabilities beyond the platform's usual ones."""
    HOST_NETWORK = "host-network"
    """The host's own network, or another container's."""
    BIND_MOUNTS = "bind-mounts"
    """Folders of the host."""
    PORTS = "ports"
    """Ports that the host makes reachable."""
    ROOT = "root"
    """A user that is not given, or is root by its number or name."""


_LIMITS: dict[Limit, tuple[str, Callable[[ContainerSpec], Any]]] = {
    Limit.MEMORY: ("resources.memory_mib", lambda spec: spec.resources.memory_mib),
    Limit.CPUS: ("resources.cpus", lambda spec: spec.resources.cpus),
    Limit.PIDS: ("resources.pids", lambda spec: spec.resources.pids),
    Limit.TIMEOUT: ("timeout_seconds", lambda spec: spec.timeout_seconds),
    Limit.MAX_COST: ("max_cost", lambda spec: spec.max_cost),
}

_PRIVILEGES: dict[Privilege, tuple[str, Callable[[ContainerSpec], bool]]] = {
    Privilege.PRIVILEGED: ("privileged", lambda spec: spec.privileged),
    Privilege.NEW_PRIVILEGES: ("allow_new_privileges", lambda spec: spec.allow_new_privileges),
    Privilege.CAPABILITIES: ("add_capabilities", lambda spec: bool(spec.add_capabilities)),
    Privilege.HOST_NETWORK: ("networks", lambda spec: any(_is_shared(network) for network in spec.networks)),
    Privilege.BIND_MOUNTS: ("mounts", lambda spec: any(mount.kind is MountKind.BIND for mount in spec.mounts)),
    Privilege.PORTS: ("ports", lambda spec: bool(spec.ports)),
    Privilege.ROOT: ("user", lambda spec: _is_root(spec.user)),
}


def _is_root(user: str | None) -> bool:
    name = (user or "root").partition(":")[0]
    return name == "root" or (name.isdecimal() and int(name) == 0)


def _is_shared(network: str) -> bool:
    return network == "host" or network.startswith("container:")


@attrs.frozen(kw_only=True)
class Violation:
    """What a job breaks.

    Attributes:
        rule: which one, as it is called in the configuration, or the plugin's words.
        place: what of the job, for example ``resources.memory_mib``.
        problem, remedy: what is wrong with it, and what to do about it.
        passing: whether it may be otherwise the next time.
    """

    rule: str
    place: str
    problem: str
    remedy: str = ""
    passing: bool = False

    def __str__(self) -> str:
        sentence = f"{self.rule}: {self.problem}"
        return f"{sentence}; {self.remedy}" if self.remedy else sentence


def _limits(words: Iterable[Any]) -> tuple[Limit, ...]:
    return tuple(require_member("required_limits", word, Limit) for word in frozen_sequence(words, "required_limits"))


def _privileges(words: Iterable[Any]) -> tuple[Privilege, ...]:
    return tuple(require_member("forbidden", word, Privilege) for word in frozen_sequence(words, "forbidden"))


def _allowed_images(given: Iterable[str]) -> tuple[str, ...]:
    return frozen_sequence(given, "allowed_images")


@attrs.frozen(kw_only=True)
class Policy:
    """What every job has to keep to. Checked when it is submitted and again before each launch.

    Attributes:
        allowed_images: patterns, of which an image has to match one; empty allows all. ``*`` stands for
            anything but ``/``, ``**`` for anything; a pattern without tag and digest matches any.
        required_limits: what every job has to limit.
        max_memory_mib, max_cpus, max_timeout_seconds: largest values; a job without the limit breaks them too.
        forbidden: privileges that no job may have.
        max_jobs: most jobs that one operation may submit, cancel, restart or move.
    """

    allowed_images: tuple[str, ...] = attrs.field(default=(), converter=_allowed_images)
    required_limits: tuple[Limit, ...] = attrs.field(default=(), converter=_limits)
    max_memory_mib: int | None = None
    max_cpus: float | None = None
    max_timeout_seconds: float | None = None
    forbidden: tuple[Privilege, ...] = attrs.field(default=(), converter=_privileges)
    max_jobs: int | None = None

    def __attrs_post_init__(self) -> None:
        for number, pattern in enumerate(self.allowed_images):
            require_text(f"allowed_images[{number}]", pattern)
        require_integer("max_memory_mib", self.max_memory_mib, 4, 16 * 1024 * 1024, "MiB")
        require_number("max_cpus", self.max_cpus, 0.01, 1024, "cores")
        require_number("max_timeout_seconds", self.max_timeout_seconds, 0.001, 366 * 86400, "seconds")
        require_integer("max_jobs", self.max_jobs, 1, 1_000_000_000, "jobs")

    def violations(self, spec: ContainerSpec) -> Iterator[Violation]:
        """What a spec breaks, one after the other."""
        yield from self._image(spec)
        for limit in self.required_limits:
            place, value_of = _LIMITS[limit]
            if value_of(spec) is None:
                yield Violation(
                    rule="policy.required_limits",
                    place=place,
                    problem=f"there is no limit on {limit.value}",
                    remedy="set one",
                )
        yield from self._too_much(spec)
        for privilege in self.forbidden:
            place, has = _PRIVILEGES[privilege]
            if has(spec):
                yield Violation(
                    rule="policy.forbidden",
                    place=place,
                    problem=f"{privilege.value!r} is forbidden",
                    remedy="name another user" if privilege is Privilege.ROOT else "do without it",
                )

    def check_count(self, jobs: int) -> None:
        """Refuse an operation on too many jobs at once. Raises `PolicyRefusal`."""
        if self.max_jobs is not None and jobs > self.max_jobs:
            raise PolicyRefusal(
                "jobs",
                f"{jobs} jobs are more than the {self.max_jobs} that one operation may touch",
                "split it up",
                "policy.max_jobs",
            )

    def _image(self, spec: ContainerSpec) -> Iterator[Violation]:
        if self.allowed_images and not any(_pattern(allowed).fullmatch(spec.image) for allowed in self.allowed_images):
            yield Violation(
                rule="policy.allowed_images",
                place="image",
                problem=f"{spec.image!r} is not allowed",
                remedy=f"allowed are {', '.join(self.allowed_images)}",
            )

    def _too_much(self, spec: ContainerSpec) -> Iterator[Violation]:
        for rule, limit, most, unit in (
            ("max_memory_mib", Limit.MEMORY, self.max_memory_mib, "MiB"),
            ("max_cpus", Limit.CPUS, self.max_cpus, "cores"),
            ("max_timeout_seconds", Limit.TIMEOUT, self.max_timeout_seconds, "seconds"),
        ):
            if most is None:
                continue
            place, value_of = _LIMITS[limit]
            value = value_of(spec)
            if value is None or value > most:
                asked = "no limit" if value is None else f"{value:g} {unit}"
                yield Violation(
                    rule=f"policy.{rule}",
                    place=place,
                    problem=f"{asked} is more than the {most:g} {unit} that are allowed",
                    remedy=f"set at most {most:g}",
                )


@lru_cache(maxsize=256)
def _pattern(allowed: str) -> re.Pattern[str]:
    """The expression for a pattern of images."""
    words = {"**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*|\*)", allowed)
    expression = "".join(words.get(part, re.escape(part)) for part in parts)
    name = allowed.rpartition("/")[2]
    return re.compile(expression if ":" in name or "@" in name else expression + "(?::[^/@]+)?(?:@.+)?")
