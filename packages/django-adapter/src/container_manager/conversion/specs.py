"""What to run: from a template and a job to the core's spec."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from container_manager.secrets import sealed_secret
from container_manager_core.command import parse_command
from container_manager_core.environment import validate_environment
from container_manager_core.errors import InvalidInput
from container_manager_core.resources import Resources
from container_manager_core.rules.facts import EXECUTORS_LABEL, GROUPS_LABEL, TEMPLATE_LABEL
from container_manager_core.secrets import Secret
from container_manager_core.spec import ContainerSpec

if TYPE_CHECKING:
    from container_manager.models import ContainerJob, ContainerTemplate

_REFERENCE = "secret://"
MOST_LABEL_CHARACTERS = 255


def spec_of_template(template: "ContainerTemplate") -> ContainerSpec:
    """What a job of this template runs when nothing is overridden. Raises `InvalidInput`."""
    return _spec(template, _template_facts(template), _template_variables(template), _labels(template, ()))


def spec_of_job(job: "ContainerJob") -> ContainerSpec:
    """What a job runs. Raises `InvalidInput`."""
    template = job.template
    facts = _template_facts(template) if template else {}
    variables = _template_variables(template) if template else {}
    own = {
        "image": job.image,
        "command": _own_command(job),
        "memory": job.memory_limit,
        "cpus": job.cpu_limit,
        "timeout_seconds": job.timeout_seconds,
    }
    facts.update({name: value for name, value in own.items() if value not in (None, "", ())})
    if not facts.get("image"):
        raise InvalidInput("image", "there is neither an image nor a template", "give one of them")
    if job.environment_template:
        variables.update(job.environment_template.get_environment_variables_dict())
    if not isinstance(job.override_environment, Mapping):
        raise InvalidInput("environment", f"{job.override_environment!r} is no table", "write a JSON object of strings")
    variables.update(validate_environment(job.override_environment))
    return _spec(template, facts, variables, _labels(template, _groups(job)))


def _own_command(job: "ContainerJob") -> Sequence[str]:
    """The words of the command that is given at the job; none without one."""
    for field in ("override_command", "command"):
        text = getattr(job, field)
        if text:
            return parse_command(text, field)
    return ()


def _template_facts(template: "ContainerTemplate") -> dict[str, Any]:
    return {
        "image": template.docker_image,
        "command": template.command,
        "entrypoint": template.entrypoint,
        "working_directory": template.working_directory,
        "memory": template.memory_limit,
        "cpus": template.cpu_limit,
        "timeout_seconds": template.timeout_seconds,
    }


def _template_variables(template: "ContainerTemplate") -> dict[str, str | Secret]:
    variables: dict[str, str | Secret] = {}
    if template.environment_template:
        variables.update(template.environment_template.get_environment_variables_dict())
    if template.pk is not None:
        variables.update(
            {
                row.key: sealed_secret(row.value) if row.is_secret else row.value
                for row in template.environment_variables.all()
            }
        )
    return variables


def _spec(
    template: "ContainerTemplate | None",
    facts: Mapping[str, Any],
    variables: Mapping[str, str | Secret],
    labels: Mapping[str, str],
) -> ContainerSpec:
    secrets = {name: value for name, value in variables.items() if _is_secret(value)}
    clear = {name: value for name, value in variables.items() if isinstance(value, str) and name not in secrets}
    networks = template.network_assignments.all() if template is not None and template.pk is not None else ()
    return ContainerSpec(
        image=facts["image"],
        command=facts.get("command") or (),
        entrypoint=facts.get("entrypoint") or None,
        working_directory=facts.get("working_directory") or None,
        resources=Resources(memory_mib=facts.get("memory"), cpus=facts.get("cpus")),
        timeout_seconds=facts.get("timeout_seconds"),
        environment=clear,
        secrets=secrets,
        networks=[network.network_name for network in networks],
        network_aliases={network.network_name: network.aliases for network in networks if network.aliases},
        auto_remove=template is None or template.auto_remove,
        labels=labels,
    )


def _labels(template: "ContainerTemplate | None", groups: Iterable[str]) -> dict[str, str]:
    """What rules can ask for, as the core looks for it."""
    supported = template.supported_executors if template is not None else ()
    labels = {
        TEMPLATE_LABEL: template.name[:MOST_LABEL_CHARACTERS] if template is not None else "",
        EXECUTORS_LABEL: _listed(supported),
        GROUPS_LABEL: _listed(groups),
    }
    return {name: value for name, value in labels.items() if value}


def _groups(job: "ContainerJob") -> list[str]:
    if job.created_by is None or not hasattr(job.created_by, "groups"):
        return []
    return sorted(job.created_by.groups.values_list("name", flat=True))


def _listed(words: Iterable[str]) -> str:
    """Words between commas, as many as fit a label; one with a comma in it cannot be told from two."""
    text = ""
    for word in words:
        longer = f"{text},{word}" if text else word
        if "," not in word and len(longer) <= MOST_LABEL_CHARACTERS:
            text = longer
    return text


def _is_secret(value: str | Secret) -> bool:
    return isinstance(value, Secret) or value.startswith(_REFERENCE)
