"""Whatever comes from outside is accepted or refused with a sentence; it never raises anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_manager_core import (
    Budget,
    Config,
    ContainerManager,
    ContainerSpec,
    CostQuery,
    Host,
    InvalidInput,
    Mount,
    Policy,
    Port,
    Resources,
    RetryPolicy,
    Submission,
    WorkerSettings,
)
from container_manager_core.command import parse_command
from container_manager_core.environment import parse_assignments, parse_environment_text
from container_manager_core.executors.process import ProcessOptions
from container_manager_core.structuring import structure

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def _is_refused_or_accepted(call: Callable[[], object]) -> None:
    try:
        call()
    except InvalidInput as error:
        assert len(str(error)) > 10


@pytest.mark.parametrize("parse", [parse_command, parse_environment_text, lambda text: parse_assignments([text])])
@given(text=st.text())
def test_any_text(parse: Callable[[str], object], text: str) -> None:
    _is_refused_or_accepted(lambda: parse(text))


@given(text=st.text() | st.from_regex(r"[a-z0-9./:@\[\]-]*", fullmatch=True))
def test_any_image_reference(text: str) -> None:
    _is_refused_or_accepted(lambda: ContainerSpec(image=text))


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(Resources)])
@given(value=_SCALARS)
def test_any_limit(field: str, value: Any) -> None:
    _is_refused_or_accepted(lambda: Resources(**{field: value}))


_MADE_IN_PYTHON: list[tuple[type, dict[str, Any]]] = [
    (ContainerSpec, {"image": "alpine"}),
    (Resources, {}),
    (RetryPolicy, {}),
    (Mount, {"target": "/data", "source": "/data"}),
    (Port, {"container_port": 80}),
    (Host, {"name": "a", "executor": "docker"}),
    (WorkerSettings, {}),
    (Config, {"store": "memory:"}),
    (Budget, {"cap": 1}),
    (Policy, {}),
    (CostQuery, {}),
    (Submission, {"spec": ContainerSpec(image="alpine")}),
]
_JUNK = (
    _ANYTHING | st.binary(max_size=5) | st.sampled_from([object(), int, Host, ContainerSpec(image="a"), {1: 2}, {3}])
)


@pytest.mark.parametrize(
    ("cls", "needed", "field"),
    [(cls, needed, field.name) for cls, needed in _MADE_IN_PYTHON for field in attrs.fields(cls)],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
@settings(max_examples=40)
@given(value=_JUNK)
def test_any_value_made_in_python(cls: type, needed: dict[str, Any], field: str, value: Any) -> None:
    _is_refused_or_accepted(lambda: hash(repr(cls(**{**needed, field: value}))))


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: ContainerSpec(image="a", resources=5), "resources: 5 is no Resources"),
        (lambda: ContainerSpec(image="a", retry=None), "retry: None is no RetryPolicy"),
        (lambda: ContainerSpec(image="a", mounts=["/a"]), "mounts[0]: '/a' is no Mount"),
        (lambda: ContainerSpec(image="a", add_capabilities=[5]), "add_capabilities[0]: 5 is no str"),
        (lambda: ContainerSpec(image="a", stop_grace_seconds=None), "stop_grace_seconds: None stands where"),
        (lambda: ContainerSpec(image="a", environment=5), "environment: 5 stands where names with values are meant"),
        (lambda: ContainerSpec(image="a", command=5), "command: 5 stands where a list is meant"),
        (lambda: Host(name="a", executor="b", weight=None), "hosts.a.weight: None stands where a value is needed"),
        (lambda: Host(name="a", executor="b", labels={"x": 1}), "host.labels['x']: 1 is no str"),
        (lambda: Mount(target="/a", kind="magic"), "mounts.kind: 'magic' is not known here; use one of 'bind'"),
        (lambda: RetryPolicy(max_attempts=None), "retry.max_attempts: None stands where"),
        (lambda: RetryPolicy(retry_on=["bad luck"]), "retry.retry_on: 'bad luck' is not known here"),
        (lambda: WorkerSettings(lease_seconds=None), "lease_seconds: None stands where"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(make: Callable[[], object], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()
    assert str(refused.value).startswith(place)


def test_what_stands_in_the_place_of_secrets_is_not_shown() -> None:
    with pytest.raises(InvalidInput, match="secrets: what is given is no mapping") as refused:
        ContainerSpec(image="a", secrets="hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("cls", [Budget, Host, Policy, WorkerSettings, ProcessOptions])
@given(data=st.data())
def test_any_table_of_a_configuration(cls: type, data: st.DataObject) -> None:
    """Known keys with any value, unknown keys, and things that are no table at all."""
    keys = st.sampled_from([field.name for field in attrs.fields(cls)]) | st.text(max_size=5)
    table = data.draw(st.dictionaries(keys, _ANYTHING, max_size=5) | _ANYTHING)
    _is_refused_or_accepted(lambda: structure(table, cls, "a table"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary() | st.text().map(str.encode) | st.sampled_from([b"[hosts.a]\nexecutor=1", b"hosts=[[]]"]))
def test_any_configuration_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "container-manager.toml"
    path.write_bytes(content)
    _is_refused_or_accepted(lambda: Config.load(path))


@given(text=st.text() | st.from_regex(r"[0-9a-f-]{0,40}", fullmatch=True))
def test_any_id(text: str) -> None:
    with ContainerManager(Config(store="memory:")) as manager:
        _is_refused_or_accepted(lambda: manager.resolve(text))
