"""What a plain process cannot be given, and what it is given only in part."""

from collections.abc import Iterator

from container_manager_core.executor import Plan, Problem
from container_manager_core.spec import ContainerSpec

_ELSEWHERE = "run it on a host with containers, for example executor 'docker'"


def plan_process(spec: ContainerSpec) -> Plan:
    """A dry run of the spec as a plain process."""
    problems = [
        Problem(place=place, message=f"a plain process cannot be given {what}", remedy=f"leave it out, or {_ELSEWHERE}")
        for place, what, wanted in (
            ("mounts", "mounts", spec.mounts),
            ("networks", "networks of its own", spec.networks),
            ("ports", "published ports: it listens on this machine's own", spec.ports),
            ("user", "another user", spec.user),
            ("hostname", "a host name of its own", spec.hostname),
            ("read_only_root", "a root file system that is read only", spec.read_only_root),
            ("drop_capabilities", "fewer Linux capabilities", spec.drop_capabilities),
            ("add_capabilities", "more Linux capabilities", spec.add_capabilities),
            ("privileged", "more privileges than the worker has", spec.privileged),
            ("resources.gpus", "GPUs of its own", spec.resources.gpus),
        )
        if wanted
    ]
    if not (spec.entrypoint or spec.command):
        problems.append(
            Problem(place="command", message="the image's own command is not known here", remedy="give a command")
        )
    return Plan(problems=tuple(problems), memory_mib=spec.resources.memory_mib, notes=tuple(_notes(spec)))


def _notes(spec: ContainerSpec) -> Iterator[str]:
    yield f"the image {spec.image} is ignored: the command runs on this machine, with the worker's rights"
    if spec.resources.memory_mib:
        yield (
            "the memory limit holds for the data of each process on its own, not for all together; "
            "beyond it an allocation fails, and no out-of-memory is told"
        )
    if spec.resources.cpus:
        yield "the CPU limit is ignored"
    if spec.resources.pids:
        yield "the limit of processes is ignored: the system counts them for a user, not for a command"
