"""Definitions: what they have in common, and when they are removed."""

from typing import Any

import attrs
import pytest
from local_clouds.cloudrun import LocalCloudRun

from container_manager_cloudrun.translation.definition import definition_of
from container_manager_core.resources import Resources
from container_manager_core.spec import ContainerSpec

SPEC = ContainerSpec(image="busybox", command=("echo", "one"))


@pytest.mark.parametrize(
    "other",
    [
        {"command": ("echo", "two")},
        {"environment": {"A": "1"}},
        {"timeout_seconds": 60.0},
        {"labels": {"batch": "7"}},
        {"resources": Resources(memory_mib=100, cpus=0.5)},
    ],
)
def test_what_a_run_can_change_makes_no_other_definition(cloud_options: Any, other: dict[str, Any]) -> None:
    """Neither does a size that is rounded up to the same."""
    same = attrs.evolve(SPEC, **other)
    assert definition_of(same, cloud_options, "i").name == definition_of(SPEC, cloud_options, "i").name


@pytest.mark.parametrize(
    "other",
    [
        {"image": "busybox:2"},
        {"entrypoint": ("sh", "-c")},
        {"working_directory": "/tmp"},
        {"resources": Resources(memory_mib=1024)},
        {"secrets": {"TOKEN": "secret://gcp-secretmanager/projects/p/secrets/s"}},
    ],
)
def test_what_a_run_cannot_change_makes_another(cloud_options: Any, other: dict[str, Any]) -> None:
    changed = attrs.evolve(SPEC, **other)
    assert definition_of(changed, cloud_options, "i").name != definition_of(SPEC, cloud_options, "i").name


def test_another_installation_has_its_own(cloud_options: Any) -> None:
    assert definition_of(SPEC, cloud_options, "a").name != definition_of(SPEC, cloud_options, "b").name


def test_a_definitions_name_is_one_that_the_platform_takes(cloud_options: Any) -> None:
    assert len(definition_of(SPEC, cloud_options, "An id of any form/ä").job_id) <= 49


def test_unused_definitions_are_removed_and_made_again(
    make_executor: Any, foreign_definition: str, cloud: LocalCloudRun, prepare: Any, wait: Any
) -> None:
    executor = make_executor(definition_days=1.0)
    request = prepare("echo", "out")
    execution_id = executor.launch_job(request).execution_id
    definition = execution_id.partition("/executions/")[0]
    wait(executor, execution_id)
    cloud.cloud.backdate(days=2)
    assert executor.remove_unused_definitions() == 0, "an execution is still there, to be harvested"
    executor.cleanup(execution_id)
    assert executor.remove_unused_definitions() == 1
    assert definition not in cloud.cloud.job_names()
    assert foreign_definition in cloud.cloud.job_names(), "another installation's is not ours to remove"
    again = executor.launch_job(prepare("echo", "out")).execution_id
    assert again.startswith(definition)
    executor.cleanup(again)
    assert executor.remove_unused_definitions() == 0, "it was used just now"


@pytest.fixture
def foreign_definition(cloud: LocalCloudRun, prepare: Any, cloud_options: Any) -> str:
    """A definition of somebody else's that was not used for long."""
    from container_manager_cloudrun.executor import CloudRunExecutor
    from container_manager_core.executor import ExecutorContext

    executor = CloudRunExecutor(cloud_options, ExecutorContext(host="other", installation_id="other"))
    execution_id: str = executor.launch_job(attrs.evolve(prepare("echo"), installation_id="other")).execution_id
    executor.cleanup(execution_id)
    executor.close()
    return execution_id.partition("/executions/")[0]
