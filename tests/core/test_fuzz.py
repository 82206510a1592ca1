"""Whatever comes from outside is accepted or refused with a sentence; it never raises anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from container_manager_core import (
    Config,
    ContainerManager,
    ContainerSpec,
    Host,
    InvalidInput,
    Resources,
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


@pytest.mark.parametrize("cls", [Host, WorkerSettings, ProcessOptions])
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
