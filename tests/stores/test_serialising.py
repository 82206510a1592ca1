import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_manager_core.attachments import Mount, MountKind, Port
from container_manager_core.errors import InvalidInput
from container_manager_core.failure import INFRASTRUCTURE, Failure, FailureKind
from container_manager_core.job import Candidate, Execution, JobStatus, LogPosition, Route, StopReason, Usage
from container_manager_core.resources import Resources
from container_manager_core.retry import RetryPolicy
from container_manager_core.secrets import Secret, SecretForm
from container_manager_core.serialising import from_json, from_plain, to_json, to_plain
from container_manager_core.spec import ContainerSpec, PullPolicy

# Lone surrogates are what an undecodable byte on a command line becomes.
texts = st.text(max_size=20)
words = st.text(st.characters(exclude_characters="\0"), max_size=20)
full_words = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20)
names = st.text(st.characters(exclude_characters="\0="), min_size=1, max_size=10)
label_names = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,8}[A-Za-z0-9])?", fullmatch=True)
times = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)).map(
    lambda time: time.replace(fold=0)
)
seconds = st.floats(0.001, 600000)
amounts = st.decimals(allow_nan=False, allow_infinity=False)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


secrets = st.builds(Secret, st.just(SecretForm.SEALED), words) | st.builds(
    lambda name: Secret.parse(f"secret://env/{name}"), st.from_regex(r"[A-Z]{1,5}", fullmatch=True)
)
resources = st.builds(
    Resources,
    memory_mib=maybe(st.integers(4, 10000)),
    cpus=maybe(st.floats(0.01, 64) | st.integers(1, 64)),
    pids=maybe(st.integers(1, 1000)),
    gpus=maybe(st.integers(1, 8)),
)
mounts = st.builds(
    Mount,
    target=st.just("/a"),
    kind=st.just(MountKind.TMPFS),
    size_mib=maybe(st.integers(1, 9)),
    read_only=st.booleans(),
) | st.builds(Mount, target=st.just("/b"), source=st.just("/c"))
retries = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 10),
    retry_on=st.frozensets(st.sampled_from(sorted(set(FailureKind) - INFRASTRUCTURE))),
    backoff_seconds=st.floats(0, 100),
)
specs = st.builds(
    lambda environment, sealed, networks, **fields: ContainerSpec(
        environment=environment,
        networks=list(networks),
        network_aliases=networks,
        secrets={name: secret for name, secret in sealed.items() if name not in environment},
        **fields,
    ),
    environment=st.dictionaries(names, words, max_size=3),
    sealed=st.dictionaries(names, secrets, max_size=3),
    image=st.sampled_from(["alpine", "registry.example:5000/team/app:1.2"]),
    command=st.lists(words, max_size=3),
    entrypoint=maybe(st.lists(words, max_size=3)),
    resources=resources,
    timeout_seconds=maybe(seconds | st.integers(1, 100)),
    stop_grace_seconds=st.floats(0, 100),
    mounts=st.lists(mounts, max_size=2),
    networks=st.dictionaries(full_words, st.lists(full_words, max_size=2), max_size=2),
    ports=st.lists(
        st.builds(Port, container_port=st.integers(1, 65535), host_port=maybe(st.integers(1, 9))), max_size=2
    ),
    user=maybe(full_words),
    labels=st.dictionaries(label_names, words, max_size=2),
    drop_capabilities=st.lists(st.sampled_from(["ALL", "NET_RAW"]), max_size=2),
    read_only_root=st.booleans(),
    privileged=st.booleans(),
    auto_remove=st.booleans(),
    pull=maybe(st.sampled_from(PullPolicy)),
    retry=retries,
    max_output_bytes=st.integers(1024, 1 << 40),
)
failures = st.builds(Failure, kind=st.sampled_from(FailureKind), message=texts, retryable=st.booleans(), hint=texts)
usages = st.builds(Usage, peak_memory_bytes=maybe(st.integers(0)), cpu_seconds=maybe(st.floats(0, 1e9)))
positions = st.builds(LogPosition, cursor=texts, skip_stdout=st.integers(0), stderr_bytes=st.integers(0))
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
executions = st.builds(
    Execution,
    attempt=st.integers(1),
    host=texts,
    executor=texts,
    status=st.sampled_from(JobStatus),
    created_at=times,
    execution_id=maybe(texts),
    started_at=maybe(times),
    stop_reason=maybe(st.sampled_from(StopReason)),
    exit_code=maybe(st.integers(-1, 255)),
    failure=maybe(failures),
    usage=maybe(usages),
    cost=maybe(amounts),
    reserved=amounts,
    accounts=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    metadata=st.dictionaries(texts, plain_data, max_size=3),
    logs=positions,
    cleaned=st.booleans(),
)
candidates = st.builds(Candidate, host=texts, reason=texts, eligible=st.booleans())
routes = st.builds(
    Route,
    host=texts,
    reason=texts,
    fallbacks=st.lists(texts, max_size=3),
    candidates=st.lists(candidates, max_size=3),
    decided_at=maybe(times),
)


def types_of(value: object) -> object:
    if attrs.has(type(value)):
        return type(value), [types_of(getattr(value, field.name)) for field in attrs.fields(type(value))]
    return type(value), [types_of(item) for item in value] if isinstance(value, tuple) else []


@settings(deadline=None, max_examples=60)
@given(st.one_of(specs, executions, routes, failures, usages, positions))
def test_every_value_comes_back_exactly(value: object) -> None:
    text = to_json(value)
    back = from_json(text, type(value))
    assert back == value
    assert types_of(back) == types_of(value), "a word is not an enumeration's member, nor a list a tuple"
    assert text.isascii()
    assert json.loads(text) == json.loads(json.dumps(to_plain(value)))
    assert from_plain(json.loads(json.dumps(to_plain(value))), type(value)) == value


def test_what_has_its_default_is_left_out() -> None:
    assert to_json(ContainerSpec(image="alpine")) == '{"image":"alpine"}'
    assert to_plain(ContainerSpec(image="alpine", retry=RetryPolicy(retry_on=("timeout", "exit")))) == {
        "image": "alpine",
        "retry": {"retry_on": ["exit", "timeout"]},
    }


def test_keys_of_a_newer_version_are_passed_over() -> None:
    data = {"image": "alpine", "teleport": True, "resources": {"memory_mib": 8, "qubits": 3}}
    assert from_plain(data, ContainerSpec) == ContainerSpec(image="alpine", resources=Resources(memory_mib=8))


@pytest.mark.parametrize("write", [to_json, to_plain])
def test_a_clear_secret_is_refused_without_being_told(write: object) -> None:
    with pytest.raises(InvalidInput, match="in clear") as caught:
        write(ContainerSpec(image="alpine", secrets={"TOKEN": "hunter2"}))
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"image":7}',
        '{"image":"alpine","secrets":{"A":{"clear":"x"}}}',
        '{"image":"alpine","resources":3}',
    ],
)
def test_what_is_no_spec_is_told_as_such(text: str) -> None:
    with pytest.raises(InvalidInput, match="stored ContainerSpec: the data cannot be read"):
        from_json(text, ContainerSpec)


@attrs.frozen
class Zone:
    """A plugin's own, with a default that is made of the others."""

    name: str
    key: str = attrs.field(default=attrs.Factory(lambda zone: zone.name, takes_self=True), repr=False)


@dataclass
class Place:
    """Another's, with what it does not show."""

    name: str
    key: str = field(repr=False)


class Speed(Enum):
    FAST = 1


def test_odd_metadata_of_a_plugin_does_not_stop_a_job() -> None:
    execution = Execution(
        attempt=1,
        host="h",
        executor="x",
        status=JobStatus.RUNNING,
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
        metadata={
            "price": Decimal("1.5"),
            "raw": b"\xff",
            "zones": {"b", "a"},
            "pair": (1, 2),
            "token": Secret.parse("hunter2"),
            "zone": Zone("a"),
            "place": Place("a", "b"),
        },
    )
    metadata = dict(from_json(to_json(execution), Execution).metadata)
    assert "***" in metadata.pop("token")
    assert metadata == {
        "price": "1.5",
        "raw": "b'\\xff'",
        "zones": ["a", "b"],
        "pair": [1, 2],
        "zone": "Zone(name='a')",
        "place": "Place(name='a')",
    }


@pytest.mark.parametrize("beside", ["plain", "\ud800", 1 << 70, {3: "a key"}, "ä", b"bytes", Speed.FAST])
def test_numbers_that_json_does_not_know_are_none(beside: object) -> None:
    """PostgreSQL would refuse the whole record. What stands beside them may take another way into JSON."""
    given = {"load": float("nan"), "most": [float("inf"), -float("inf"), 1.5], "beside": beside}
    written = from_plain(json.loads(to_json(given), parse_constant=pytest.fail), dict)
    assert (written["load"], written["most"]) == (None, [None, None, 1.5])
    assert written == to_plain(given)


def test_importing_the_stores_loads_neither_cattrs_nor_sqlite() -> None:
    program = (
        "import sys, container_manager_core.store, container_manager_core.serialising;"
        "print(sorted({'cattrs', 'sqlite3', 'hypothesis'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
