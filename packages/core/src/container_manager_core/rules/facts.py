"""What conditions are about: plain frozen values, never a live object."""

from collections.abc import Mapping

import attrs

from container_manager_core.job import Job
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec

TEMPLATE_LABEL = "template"
GROUPS_LABEL = "groups"
EXECUTORS_LABEL = "supported-executors"


@attrs.frozen(kw_only=True)
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


@attrs.frozen(kw_only=True)
class UserFacts:
    """Who submitted the job.

    Attributes:
        name: the user's; conditions may also say ``user.username``.
        groups: names of the groups that the user is in.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()

    @classmethod
    def of_job(cls, job: Job) -> "UserFacts":
        """The facts that a job itself tells, its label ``groups`` among them."""
        return cls(name=job.created_by or "", groups=frozenset(_words(job.spec.labels.get(GROUPS_LABEL, ""))))


@attrs.frozen(kw_only=True)
class Facts:
    """All that a condition can ask for, beside ``now``.

    Attributes:
        job: the job itself, of which conditions see what `vocabulary` lists.
        template: what it was made from.
        user: who submitted it.
    """

    job: Job
    template: TemplateFacts
    user: UserFacts

    @property
    def resources(self) -> Resources:
        """The job's limits."""
        return self.job.spec.resources

    @property
    def labels(self) -> Mapping[str, str]:
        """The job's labels."""
        return self.job.spec.labels


def default_facts(job: Job) -> Facts:
    """The facts that a job itself tells.

    The template's name, the user's groups and the supported executors come from the labels ``template``,
    ``groups`` and ``supported-executors`` (words between commas), so whoever submits is trusted with them.
    """
    return Facts(job=job, template=TemplateFacts.of_spec(job.spec), user=UserFacts.of_job(job))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)
