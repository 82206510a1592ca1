"""What to run: an image, a command and limits."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from container_manager_core.amounts import amount
from container_manager_core.attachments import Mount, Port
from container_manager_core.command import parse_command
from container_manager_core.environment import validate_environment
from container_manager_core.errors import InvalidInput
from container_manager_core.freezing import frozen_mapping, frozen_sequence
from container_manager_core.pulling import PullPolicy as PullPolicy
from container_manager_core.resources import Resources
from container_manager_core.retry import RetryPolicy
from container_manager_core.secrets import Secret
from container_manager_core.validation import (
    require_boolean,
    require_each,
    require_given,
    require_instance,
    require_integer,
    require_number,
    require_text,
)

_IMAGE = re.compile(
    r"(?:(?:\[[0-9A-Fa-f:]+\]|localhost|(?=[^/]*[.:])[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")


def _entrypoint(words: str | Iterable[str]) -> tuple[str, ...]:
    return parse_command(words, "entrypoint")


def _environment(variables: Mapping[str, str]) -> Mapping[str, str]:
    return frozen_mapping(validate_environment(variables))


def _pull_policy(word: Any) -> PullPolicy:
    if not isinstance(word, str) or word not in list(PullPolicy):
        raise InvalidInput("pull", f"{word!r} is no pull policy", "use 'missing', 'always' or 'never'")
    return PullPolicy(word)


def _max_cost(value: Any) -> Decimal:
    return amount("max_cost", value)


def _labels(labels: Mapping[Any, Any]) -> Mapping[str, str]:
    for name, value in frozen_mapping(labels, "labels").items():
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name):
            raise InvalidInput(
                f"labels[{name!r}]",
                f"{name!r} cannot be the name of a label",
                "use 1 to 63 letters, digits, '.', '_', '-' or '/', beginning and ending with a letter or digit",
            )
        if not isinstance(value, str) or len(value) > 255 or "\0" in value:
            raise InvalidInput(
                f"labels[{name!r}]", f"{value!r} cannot be a label's value", "use a string of at most 255 characters"
            )
    return frozen_mapping(labels)


def _secrets(secrets: Any) -> Mapping[str, Secret]:
    if not isinstance(secrets, Mapping):
        # Not shown: it may be a secret.
        raise InvalidInput("secrets", "what is given is no mapping of names to secrets", "give a dict")
    validate_environment(dict.fromkeys(secrets, ""), "secrets")
    return frozen_mapping({name: Secret.parse(value, f"secrets[{name!r}]") for name, value in secrets.items()})


def _mounts(given: Iterable[Mount]) -> tuple[Mount, ...]:
    return frozen_sequence(given, "mounts")


def _networks(given: Iterable[str]) -> tuple[str, ...]:
    return frozen_sequence(given, "networks")


def _network_aliases(given: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    return frozen_mapping(
        {
            network: frozen_sequence(names, f"network_aliases[{network!r}]")
            for network, names in frozen_mapping(given, "network_aliases").items()
        }
    )


def _ports(given: Iterable[Port]) -> tuple[Port, ...]:
    return frozen_sequence(given, "ports")


def _drop_capabilities(given: Iterable[str]) -> tuple[str, ...]:
    return frozen_sequence(given, "drop_capabilities")


def _add_capabilities(given: Iterable[str]) -> tuple[str, ...]:
    return frozen_sequence(given, "add_capabilities")


@attrs.frozen(kw_only=True)
class ContainerSpec:
    """What to run. Immutable; checked where it is made.

    Attributes:
        image: an image reference, for example ``alpine`` or ``registry.example/team/app:1.2``.
        command: the words of the command; a string is split as a POSIX shell splits words.
            Empty means the image's own.
        entrypoint: replaces the image's entrypoint; None keeps it.
        environment: variables in clear.
        secrets: variables whose value is secret: a `Secret`, a ``secret://`` reference or the
            value itself.
        resources: limits.
        timeout_seconds: longest time the command may run; None means no limit.
        expected_seconds: how long the command usually runs, for estimates; its timeout when left out.
        max_cost: most that the job may cost over all its attempts; it is stopped when it gets there. Needs a
            host with a price.
        queue_timeout_seconds: longest time the job may wait for its first start.
        launch_timeout_seconds: longest time from the launch call to running, image pull included.
        stop_grace_seconds: time between the polite stop and the kill.
        mounts, networks, ports: what the container is joined to.
        network_aliases: further names of the container, by the network in which others find it by them.
        user: ``uid``, ``uid:gid`` or names that the image knows.
        working_directory: absolute path inside the container.
        hostname: the container's own name for itself.
        labels: facts for routing, filters and bills; also put on the platform's execution.
        read_only_root: whether the root file system may only be read.
        drop_capabilities, add_capabilities: Linux capabilities by name, or ``ALL``.
        allow_new_privileges: whether the command may gain privileges (setuid programs); off.
        privileged: full access to the host; off.
        init: whether a small init process reaps zombies and passes signals on.
        pull: when the image is pulled; None leaves it to the host.
        platform: ``os/architecture[/variant]``, for example ``linux/arm64``.
        retry: when a failed attempt is followed by another.
        max_output_bytes: most bytes kept of each stream; of more, the head and tail are kept.
        auto_remove: whether what an attempt leaves on its platform is removed once its result is stored; what is
            kept is removed by ``reap`` alone.
    """

    image: str
    command: tuple[str, ...] = attrs.field(default=(), converter=parse_command)
    entrypoint: tuple[str, ...] | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(_entrypoint),
    )
    environment: Mapping[str, str] = attrs.field(factory=dict, converter=_environment)
    secrets: Mapping[str, Secret] = attrs.field(factory=dict, converter=_secrets)
    resources: Resources = attrs.field(default=Resources())
    timeout_seconds: float | None = None
    expected_seconds: float | None = None
    max_cost: Decimal | None = attrs.field(default=None, converter=attrs.converters.optional(_max_cost))
    queue_timeout_seconds: float | None = None
    launch_timeout_seconds: float | None = None
    stop_grace_seconds: float = 10.0
    mounts: tuple[Mount, ...] = attrs.field(default=(), converter=_mounts)
    networks: tuple[str, ...] = attrs.field(default=(), converter=_networks)
    network_aliases: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, converter=_network_aliases)
    ports: tuple[Port, ...] = attrs.field(default=(), converter=_ports)
    user: str | None = None
    working_directory: str | None = None
    hostname: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, converter=_labels)
    read_only_root: bool = False
    drop_capabilities: tuple[str, ...] = attrs.field(default=(), converter=_drop_capabilities)
    add_capabilities: tuple[str, ...] = attrs.field(default=(), converter=_add_capabilities)
    allow_new_privileges: bool = False
    privileged: bool = False
    init: bool = False
    pull: PullPolicy | None = attrs.field(default=None, converter=attrs.converters.optional(_pull_policy))
    platform: str | None = None
    retry: RetryPolicy = attrs.field(default=RetryPolicy())
    max_output_bytes: int = 64 * 1024 * 1024
    auto_remove: bool = True

    def __attrs_post_init__(self) -> None:
        require_text("image", self.image)
        if len(self.image) > 4096 or not _IMAGE.fullmatch(self.image):
            raise InvalidInput(
                "image",
                f"{self.image!r} is no image reference",
                "write [registry/]name[:tag][@digest] in lower case, for example alpine:3.20",
            )
        both = self.environment.keys() & self.secrets.keys()
        if both:
            name = sorted(both)[0]
            raise InvalidInput(f"secrets[{name!r}]", f"{name!r} is in the environment in clear too", "give it once")
        require_instance("resources", self.resources, Resources)
        require_instance("retry", self.retry, RetryPolicy)
        for place, kind in (("mounts", Mount), ("ports", Port), ("drop_capabilities", str), ("add_capabilities", str)):
            require_each(place, getattr(self, place), kind)
        week = 7 * 86400
        require_number("timeout_seconds", self.timeout_seconds, 0.001, 366 * 86400, "seconds")
        require_number("expected_seconds", self.expected_seconds, 0.001, 366 * 86400, "seconds")
        require_number("queue_timeout_seconds", self.queue_timeout_seconds, 0.001, 366 * 86400, "seconds")
        require_number("launch_timeout_seconds", self.launch_timeout_seconds, 0.001, week, "seconds")
        require_number("stop_grace_seconds", self.stop_grace_seconds, 0, 86400, "seconds")
        require_given("stop_grace_seconds", self.stop_grace_seconds)
        require_given("max_output_bytes", self.max_output_bytes)
        require_integer("max_output_bytes", self.max_output_bytes, 1024, 1 << 40, "bytes")
        for place in ("read_only_root", "allow_new_privileges", "privileged", "init", "auto_remove"):
            require_boolean(place, getattr(self, place))
        for place in ("user", "working_directory", "hostname", "platform"):
            if getattr(self, place) is not None:
                require_text(place, getattr(self, place))
        if self.working_directory is not None and not self.working_directory.startswith("/"):
            raise InvalidInput("working_directory", f"{self.working_directory!r} is not absolute", "begin it with '/'")
        self._check_networks()

    def _check_networks(self) -> None:
        for number, network in enumerate(self.networks):
            require_text(f"networks[{number}]", network)
        for network, names in self.network_aliases.items():
            place = f"network_aliases[{network!r}]"
            if network not in self.networks:
                raise InvalidInput(place, f"{network!r} is none of the job's networks", "name it in networks too")
            for number, name in enumerate(names):
                require_text(f"{place}[{number}]", name)
