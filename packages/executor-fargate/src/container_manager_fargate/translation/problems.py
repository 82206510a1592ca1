"""What Fargate cannot do of a spec, each with the remedy, and what a user should know."""

from collections.abc import Iterator

from container_manager_core.executor import Problem
from container_manager_core.spec import ContainerSpec, PullPolicy
from container_manager_fargate.options import FargateOptions
from container_manager_fargate.sizes import fit, misfit
from container_manager_fargate.stores import SECRET_STORES
from container_manager_fargate.translation.definition import LONGEST_STOP_SECONDS
from container_manager_fargate.translation.plain import unheld_labels
from container_manager_fargate.translation.references import plain_secrets

_PLATFORMS = (None, "linux/amd64", "linux/arm64", "linux/arm64/v8")
_CAPABILITIES_TO_ADD = ("SYS_PTRACE",)
"""The only one that Fargate adds; the API reference of KernelCapabilities, November 2026."""


def problems(spec: ContainerSpec, options: FargateOptions) -> Iterator[Problem]:
    """What stands in the way."""
    if fit(spec.resources) is None:
        yield misfit(spec.resources)
    yield from _impossible(spec)
    if spec.platform not in _PLATFORMS:
        yield Problem(
            place="platform", message=f"Fargate does not run {spec.platform!r}", remedy="use linux/amd64 or linux/arm64"
        )
    if spec.stop_grace_seconds > LONGEST_STOP_SECONDS:
        yield Problem(
            place="stop_grace_seconds",
            message=f"Fargate kills {LONGEST_STOP_SECONDS} s after a stop, not {spec.stop_grace_seconds:g} s",
            remedy=f"give at most {LONGEST_STOP_SECONDS}",
        )
    if not options.allow_plain_secrets:
        yield from plain_secret_problems(plain_secrets(spec))


def plain_secret_problems(names: list[str]) -> Iterator[Problem]:
    """One for each secret that would be passed in clear."""
    for name in names:
        stores = " or ".join(f"secret://{store}/..." for store in SECRET_STORES)
        yield Problem(
            place=f"secrets[{name!r}]",
            message=f"Fargate would show the value of {name!r} to everybody who may describe tasks",
            remedy=f"store it at the platform and refer to it by {stores}, or set the host's allow_plain_secrets",
        )


def notes(spec: ContainerSpec, options: FargateOptions) -> Iterator[str]:
    """What a user should know."""
    if not spec.allow_new_privileges:
        yield "Fargate cannot refuse new privileges: setuid programs of the image work"
    for name in unheld_labels(spec):
        yield f"the label {name!r} is not put on the task: a tag cannot hold it"
    if options.spot:
        yield "spare capacity: the platform may take the task away after a warning of two minutes"


def _impossible(spec: ContainerSpec) -> Iterator[Problem]:
    added = [name for name in spec.add_capabilities if name.removeprefix("CAP_") not in _CAPABILITIES_TO_ADD]
    moved = [port for port in spec.ports if port.host_port not in (None, port.container_port)]
    wanted = (
        (spec.mounts, "mounts", "Fargate has no folders of a host to mount", "copy the data, or put it into the image"),
        (spec.networks, "networks", "tasks are in the host's subnets, not in named networks", "leave them out"),
        (moved, "ports", "a task has an address of its own, with the same ports", "leave host_port out"),
        (spec.hostname, "hostname", "Fargate names its tasks itself", "leave it out"),
        (spec.privileged, "privileged", "Fargate has no privileged containers", "leave it out, or use another host"),
        (added, "add_capabilities", f"Fargate does not add {', '.join(added)}", "SYS_PTRACE alone can be added"),
        (spec.resources.gpus, "resources.gpus", "Fargate has no GPUs", "use another host"),
        (spec.resources.pids, "resources.pids", "Fargate does not limit processes", "leave it out"),
        (
            spec.pull is PullPolicy.NEVER,
            "pull",
            "Fargate keeps no images: it pulls for each task",
            "leave it out",
        ),
    )
    for is_wanted, place, message, remedy in wanted:
        if is_wanted:
            yield Problem(place=place, message=message, remedy=remedy)
