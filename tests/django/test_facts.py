"""What routing rules learn of a job."""

from typing import Any


def facts(**fields: Any) -> Any:
    from container_manager.models import ContainerJob
    from container_manager_core.rules.facts import default_facts

    return default_facts(ContainerJob.objects.create(**fields).as_value())


def test_a_rule_learns_of_the_template() -> None:
    from container_manager.models import ContainerTemplate

    template = ContainerTemplate.objects.create(
        name="batch-night", docker_image="app", memory_limit=9000, supported_executors=["docker", "fargate"]
    )
    found = facts(template=template).template
    assert (found.name, found.memory_limit) == ("batch-night", 9000)
    assert found.supported_executors == ("docker", "fargate")


def test_a_rule_learns_of_the_user_and_the_groups() -> None:
    from django.contrib.auth.models import Group, User

    user = User.objects.create(username="ada")
    for name in ("premium", "with, comma", "staff"):
        user.groups.add(Group.objects.create(name=name))
    found = facts(image="app", created_by=user).user
    assert (found.name, found.groups) == ("ada", frozenset({"premium", "staff"}))


def test_a_job_of_nobody_has_no_groups() -> None:
    assert facts(image="app").user.groups == frozenset()
