"""What conditions are about: plain frozen values, never a live object."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from container_manager_core.job import Job
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec

TEMPLATE_LABEL = "template"
GROUPS_LABEL = "groups"
EXECUTORS_LABEL = "supported-executors"


# Without slots, as a frozen value is then made in half the time; one of each is made for every decision.
@attrs.frozen(kw_only=True, slots=False)
class JobFacts:
    """The job itself.

    Attributes:
        id, name, priority, image, command, created_by, created_at: as submitted.
        attempt: the number of attempts begun.
        timeout_seconds: longest run time; None is any.
    """

    id: str
    name: str
    priority: int
    attempt: int
    image: str
    command: tuple[str, ...]
    created_by: str | None
    created_at: datetime
    timeout_seconds: float | None


@attrs.frozen(kw_only=True, slots=False)
class TemplateFacts:
    """What the job was made from.

    Attributes:
        name: the template's; empty without one.
        image: an image reference.
        memory_limit: MiB; None is the platform's own default.
        cpu_limit: cores; None is the platform's own default.
        timeout_seconds: longest run time; None is any.
        supported_executors: the executors that may run it; empty is all.
    """

    name: str = ""
    image: str = ""
    memory_limit: int | None = None
    cpu_limit: float | None = None
    timeout_seconds: float | None = None
    supported_executors: tuple[str, ...] = ()

    @classmethod
    def of_spec(cls, spec: ContainerSpec) -> "TemplateFacts":
        """The facts that a spec itself tells, the labels ``template`` and ``supported-executors`` among them."""
        return cls(
            name=spec.labels.get(TEMPLATE_LABEL, ""),
            image=spec.image,
            memory_limit=spec.resources.memory_mib,
            cpu_limit=spec.resources.cpus,
            timeout_seconds=spec.timeout_seconds,
            supported_executors=_words(spec.labels.get(EXECUTORS_LABEL, "")),
        )


@attrs.frozen(kw_only=True, slots=False)
class UserFacts:
    """Who submitted the job.

    Attributes:
        name: the user's; conditions may also say ``user.username``.
        groups: names of the groups that the user is in.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True, slots=False)
class Facts:
    """All that a condition can ask for, beside ``now``."""

    job: JobFacts
    template: TemplateFacts
    user: UserFacts
    resources: Resources
    labels: Mapping[str, str]


def default_facts(job: Job) -> Facts:
    """The facts that a job itself tells.

    The template's name, the user's groups and the supported executors come from the labels ``template``,
    ``groups`` and ``supported-executors`` (words between commas), so whoever submits is trusted with them.
    """
    return facts_from(job, TemplateFacts.of_spec(job.spec), groups_of(job.spec))


def facts_from(job: Job, template: TemplateFacts, groups: frozenset[str]) -> Facts:
    """The facts of a job whose template and groups are known already."""
    spec = job.spec
    return Facts(
        job=JobFacts(
            id=str(job.id),
            name=job.name,
            priority=job.priority,
            attempt=job.attempt,
            image=spec.image,
            command=spec.command,
            created_by=job.created_by,
            created_at=job.created_at,
            timeout_seconds=spec.timeout_seconds,
        ),
        template=template,
        user=UserFacts(name=job.created_by or "", groups=groups),
        resources=spec.resources,
        labels=spec.labels,
    )


def groups_of(spec: ContainerSpec) -> frozenset[str]:
    """The user's groups as the label ``groups`` tells them."""
    return frozenset(_words(spec.labels.get(GROUPS_LABEL, "")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)
