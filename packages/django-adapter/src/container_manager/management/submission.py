"""The arguments of a new job, and the job that they make."""

from argparse import ArgumentParser
from typing import Any

from container_manager.models import ContainerJob, ContainerTemplate
from container_manager_core.environment import parse_assignments
from container_manager_core.errors import NotFound


def add_job_arguments(parser: ArgumentParser) -> None:
    """What to run, and where."""
    parser.add_argument("template", nargs="?", metavar="TEMPLATE", help="a template's name; not needed with --image")
    parser.add_argument("host", nargs="?", metavar="HOST", help="run it on this host and no other")
    parser.add_argument("--name", default="", metavar="N", help="a name for people")
    parser.add_argument("--command", default="", metavar="C", help="the command, quoted as one word; wins over all")
    parser.add_argument(
        "--env", action="append", default=[], metavar="K=V", help="set a variable; V may be secret://env/NAME"
    )
    parser.add_argument("--image", default="", metavar="I", help="the image; wins over the template's")
    parser.add_argument("--executor", default="", metavar="TYPE", help="run it on a host of this executor")
    parser.add_argument("--memory", type=int, metavar="MB", help="memory limit in MB")
    parser.add_argument("--cpus", type=float, metavar="N", help="CPU cores, for example 0.5")
    parser.add_argument("--timeout", type=int, metavar="S", help="stop it after so many seconds")
    parser.add_argument("--priority", type=int, default=50, metavar="N", help="0 to 100, higher goes first; 50")


def submit(options: dict[str, Any]) -> ContainerJob:
    """Store the job that these arguments ask for.

    Raises:
        InvalidInput, ValidationError: something cannot be accepted; nothing was stored.
    """
    job = ContainerJob(
        template=_template(options["template"]),
        docker_host_id=options["host"],
        name=options["name"],
        override_command=options["command"],
        override_environment=parse_assignments(options["env"]),
        image=options["image"],
        preferred_executor=options["executor"],
        memory_limit=options["memory"],
        cpu_limit=options["cpus"],
        timeout_seconds=options["timeout"],
        priority=options["priority"],
    )
    job.full_clean(exclude=[field.name for field in job._meta.fields if not field.editable])
    job.save()
    return job


def _template(name: str | None) -> ContainerTemplate | None:
    if name is None:
        return None
    found = ContainerTemplate.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(ContainerTemplate.objects.values_list("name", flat=True)[:10]) or "none"
        raise NotFound("template", f"no template is called {name!r}", f"known are: {known}")
    return found
