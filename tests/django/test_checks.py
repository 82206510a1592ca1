"""``manage.py check``: what the settings and the hosts have wrong, each with its place and remedy."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from container_manager.manager import reset


def messages(databases: bool = False, **settings: Any) -> list[tuple[str, str, str | None]]:
    """Number, message and hint of what a project with these settings is told."""
    with override_settings(**settings):
        reset()
        found = run_checks(databases=["default"] if databases else None)
    reset()
    return [
        (problem.id.removeprefix("container_manager."), problem.msg, problem.hint)
        for problem in found
        if problem.id.startswith("container_manager")
    ]


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    yield
    reset()


def test_a_project_without_settings_is_told_nothing() -> None:
    assert messages(databases=True) == []


def test_a_project_with_every_setting_is_told_nothing() -> None:
    assert (
        messages(
            CONTAINER_MANAGER={"AUTO_PULL_IMAGES": False, "MAX_CONCURRENT_JOBS": 3, "POLL_INTERVAL": 0.5},
            CONTAINER_EXECUTORS={
                "docker": {"default": True, "timeout": 5, "hosts": {"a": {"weight": 200}, "b": {"pull": "always"}}},
                "mock": {"enabled": False},
                "other": {"class": "container_manager_core.executors.mock.executor_type.MOCK", "hosts": ["c"]},
            },
            EXECUTOR_ROUTING_RULES=[
                {"condition": "template.memory_limit > 8192", "executor": "docker", "reason": "large"},
                {"condition": bool, "executor": "other"},
            ],
            USE_EXECUTOR_FACTORY=True,
        )
        == []
    )


@pytest.mark.parametrize(
    ("settings", "number", "message", "hint"),
    [
        (
            {"CONTAINER_MANAGER": {"AUTO_PULL": True}},
            "E001",
            "CONTAINER_MANAGER['AUTO_PULL']: the key 'AUTO_PULL' is unknown.",
            "Known are: AUTO_PULL_IMAGES, BUDGETS",
        ),
        ({"CONTAINER_MANAGER": []}, "E001", "CONTAINER_MANAGER: [] is no dictionary.", "Write one."),
        (
            {"CONTAINER_MANAGER": {"POLL_INTERVAL": "5"}},
            "E001",
            "CONTAINER_MANAGER: poll_interval: '5' is not a number.",
            "Write a number.",
        ),
        (
            {"CONTAINER_MANAGER": {"MAX_CONCURRENT_JOBS": 0}},
            "E001",
            "CONTAINER_MANAGER: MAX_CONCURRENT_JOBS: 0 is out of range.",
            "Use a whole number from 1 to 1000000 jobs.",
        ),
        (
            {"CONTAINER_MANAGER": {"DATABASE": "jobs"}},
            "E001",
            "CONTAINER_MANAGER: DATABASE: 'jobs' is no database.",
            "Known are: default.",
        ),
        ({"CONTAINER_EXECUTORS": {"docker": 1}}, "E002", "CONTAINER_EXECUTORS['docker']: 1 is no dictionary.", ""),
        (
            {"CONTAINER_EXECUTORS": {"docker": {"enabled": "yes"}}},
            "E002",
            "CONTAINER_EXECUTORS['docker']: enabled: 'yes' is not true or false.",
            "",
        ),
        (
            {"CONTAINER_EXECUTORS": {"docker": {"default": True}, "mock": {"default": True}}},
            "E002",
            "CONTAINER_EXECUTORS: 'docker' and 'mock' are both the default.",
            "Keep 'default' on one.",
        ),
        (
            {"CONTAINER_EXECUTORS": {"docker": {"hosts": 5}}},
            "E002",
            "CONTAINER_EXECUTORS['docker']['hosts']: 5 holds no hosts.",
            "Write a list of names",
        ),
        (
            {"CONTAINER_EXECUTORS": {"mine": {"class": "nowhere.Executor"}}},
            "E002",
            "CONTAINER_EXECUTORS['mine']['class']: it cannot be registered: ModuleNotFoundError",
            None,
        ),
        (
            {"CONTAINER_EXECUTORS": {"mine": {"class": "container_manager.conf.ManagerSettings"}}},
            "E002",
            "CONTAINER_EXECUTORS['mine']['class']: it cannot be registered: ConfigurationError",
            None,
        ),
        (
            {"CONTAINER_EXECUTORS": {"faregate": {}}},
            "E005",
            "CONTAINER_EXECUTORS['faregate']: no executor is called 'faregate'.",
            "Known are: ",
        ),
        (
            {"CONTAINER_EXECUTORS": {"docker": {"hosts": {"a": {"weight": 0}}}}},
            "E005",
            "CONTAINER_EXECUTORS['docker']['hosts']['a']: hosts.a.weight: 0 is out of range.",
            "Use a whole number from 1 to 1000.",
        ),
        (
            {"CONTAINER_EXECUTORS": {"docker": {"hosts": {"a": {"base_ur": "x"}}}}},
            "E005",
            "CONTAINER_EXECUTORS['docker']['hosts']['a']: base_ur: the key 'base_ur' is unknown.",
            "Known are: base_url,",
        ),
        ({"EXECUTOR_ROUTING_RULES": {}}, "E003", "EXECUTOR_ROUTING_RULES: {} is no list.", ""),
        (
            {"EXECUTOR_ROUTING_RULES": [{"condition": 5, "executor": "docker"}]},
            "E003",
            "EXECUTOR_ROUTING_RULES: rule 1: condition: 5 is not a string.",
            "Write a string.",
        ),
        (
            {"EXECUTOR_ROUTING_RULES": [{"condition": "True", "executor": "docker", "reasons": "x"}]},
            "E003",
            "EXECUTOR_ROUTING_RULES: rule 1: reasons: the key 'reasons' is unknown.",
            "",
        ),
        (
            {
                "EXECUTOR_ROUTING_RULES": [
                    {"condition": "True", "executor": "mock"},
                    {"condition": "job.name ==", "executor": "mock"},
                ]
            },
            "E003",
            "EXECUTOR_ROUTING_RULES: rule 2",
            "",
        ),
        (
            {"EXECUTOR_ROUTING_RULES": [{"condition": "job.__class__", "executor": "mock"}]},
            "E003",
            "EXECUTOR_ROUTING_RULES: rule 1",
            "",
        ),
        (
            {"EXECUTOR_ROUTING_RULES": [{"condition": "True", "executor": "nothing"}]},
            "E006",
            "EXECUTOR_ROUTING_RULES: rule 1.executor: no executor is called 'nothing'.",
            "Known are: ",
        ),
        (
            {"USE_EXECUTOR_FACTORY": "False"},
            "E004",
            "USE_EXECUTOR_FACTORY: 'False' is neither True nor False.",
            "Write True or False.",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_once_with_its_place_and_remedy(
    settings: dict[str, Any], number: str, message: str, hint: str | None
) -> None:
    ((found, said, remedy),) = messages(**settings)
    assert found == number
    assert said.startswith(message)
    assert (remedy is None) == (hint is None)
    assert (remedy or "").startswith(hint or "")


def test_rules_that_no_configured_host_is_meant_by_are_warned_of_when_the_database_is_asked_for() -> None:
    from container_manager.models import ExecutorHost

    settings: dict[str, Any] = {
        "CONTAINER_EXECUTORS": {"docker": {"hosts": ["a"]}},
        "EXECUTOR_ROUTING_RULES": [
            {"condition": "True", "executor": "docker"},
            {"condition": "resources.memory_mib > 8192", "executor": "mock", "reason": "large"},
            {"condition": "True", "host": "b"},
        ],
        "USE_EXECUTOR_FACTORY": True,
    }
    hint = "Correct the rule, or configure the host; configured are: a (docker)."
    said = [
        f"EXECUTOR_ROUTING_RULES: rule {number} names {target}, and no configured host is such."
        for number, target in ((2, "executor mock"), (3, "host b"))
    ]
    assert messages(databases=True, **settings) == [("W002", message, hint) for message in said]
    assert messages(**settings) == []
    assert messages(databases=True, **{**settings, "USE_EXECUTOR_FACTORY": False}) == []
    ExecutorHost.objects.create(name="b", executor_type="mock")
    assert messages(databases=True, **settings) == []


def test_hosts_in_the_database_are_looked_at_only_when_the_database_is_asked_for() -> None:
    from container_manager.models import ExecutorHost

    ExecutorHost.objects.create(name="cloud", executor_type="faregate")
    ExecutorHost.objects.create(name="typo", executor_config={"base_ur": "x"})
    ExecutorHost.objects.create(name="fine")
    assert messages() == []
    first, second = messages(databases=True)
    assert first[:2] == ("E008", "executor_type: no executor is called 'faregate'.")
    assert second[:2] == ("E009", "executor_config: base_ur: the key 'base_ur' is unknown.")
