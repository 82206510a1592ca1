"""Images: when they are pulled, what is told meanwhile, and why one cannot be had."""

from typing import Any

import pytest

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.failure import FailureKind
from container_manager_core.spec import PullPolicy


@pytest.fixture
def absent(registry: Any, client: Any) -> str:
    """An image that the registry has and the engine does not."""
    image = registry.image
    if client.images.list(image):
        client.images.remove(image, force=True)
    return str(image)


def test_a_missing_image_is_pulled_and_the_pull_is_told(executor: Any, prepare: Any, wait: Any, absent: str) -> None:
    lines: list[str] = []
    launch = executor.launch_job(prepare("echo", "pulled", image=absent, report=lines.append))
    state = wait(executor, launch.execution_id)
    assert executor.get_logs(launch.execution_id).stdout == b"pulled\n"
    assert lines[0] == f"pulling {absent}"
    assert any("Downloaded newer image" in line for line in lines), lines
    assert len(lines) < 20
    assert state.metadata["image_digest"].startswith("sha256:")


def test_the_digest_is_the_registrys(executor: Any, prepare: Any, wait: Any, absent: str, client: Any) -> None:
    state = wait(executor, executor.launch_job(prepare("true", image=absent)).execution_id)
    assert client.images.get(absent).attrs["RepoDigests"][0].endswith("@" + state.metadata["image_digest"])


def test_an_image_is_run_by_its_digest(executor: Any, prepare: Any, wait: Any, absent: str, client: Any) -> None:
    digest = client.images.pull(absent).attrs["RepoDigests"][0]
    client.images.remove(absent, force=True)
    state = wait(executor, executor.launch_job(prepare("true", image=digest)).execution_id)
    assert digest.endswith(state.metadata["image_digest"])


def test_never_means_never(executor: Any, prepare: Any, absent: str) -> None:
    with pytest.raises(PermanentError, match=f"no image '{absent}' .*pull is 'never'") as raised:
        executor.launch_job(prepare("true", image=absent, pull=PullPolicy.NEVER))
    assert raised.value.kind is FailureKind.IMAGE


def test_always_asks_the_registry_each_time(make_executor: Any, proxy: Any, prepare: Any, registry: Any) -> None:
    executor = make_executor(base_url=proxy.base_url, pull="always")
    for _ in range(2):
        executor.launch_job(prepare("true", image=registry.image))
        assert "POST /images/create" in proxy.counted()


@pytest.mark.parametrize("name", ["none/such:1", "container-manager/test:none"])
def test_an_image_that_the_registry_lacks(executor: Any, prepare: Any, registry: Any, name: str) -> None:
    image = f"{registry.address}/{name}"
    with pytest.raises(PermanentError, match="check the name and the tag") as raised:
        executor.launch_job(prepare("true", image=image))
    assert raised.value.kind is FailureKind.IMAGE
    assert image in raised.value.message


def test_a_registry_that_does_not_answer_is_asked_again(executor: Any, prepare: Any) -> None:
    with pytest.raises(TransientError, match=r"'127.0.0.1:1/nothing' cannot be pulled") as raised:
        executor.launch_job(prepare("true", image="127.0.0.1:1/nothing"))
    assert not raised.value.may_have_started


def test_another_platform_is_not_there(executor: Any, prepare: Any, engine: Any) -> None:
    with pytest.raises((PermanentError, TransientError), match=engine.image):
        executor.launch_job(prepare("true", platform="linux/s390x"))


def test_credentials_by_reference(
    make_executor: Any, prepare: Any, wait: Any, password_registry: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", password_registry.password)
    reference = {"username": password_registry.username, "password": "secret://env/REGISTRY_PASSWORD"}
    executor = make_executor(registry_auth={password_registry.address: reference}, pull="always")
    request = prepare("true", image=password_registry.image)
    assert wait(executor, executor.launch_job(request).execution_id).exit_code == 0


def test_refused_and_missing_credentials(
    make_executor: Any, prepare: Any, password_registry: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "wrong-password")
    reference = {"username": password_registry.username, "password": "secret://env/REGISTRY_PASSWORD"}
    for options in ({}, {"registry_auth": {password_registry.address: reference}}):
        executor = make_executor(pull="always", **options)
        with pytest.raises(PermanentError, match="log in with docker login") as raised:
            executor.launch_job(prepare("true", image=password_registry.image))
        assert raised.value.kind is FailureKind.CREDENTIALS
        assert "wrong-password" not in str(raised.value)


def test_a_reference_to_nothing_is_named(make_executor: Any, prepare: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    reference = {"username": "me", "password": "secret://env/REGISTRY_PASSWORD"}
    executor = make_executor(registry_auth={"127.0.0.1:1": reference})
    with pytest.raises(PermanentError, match="REGISTRY_PASSWORD") as raised:
        executor.launch_job(prepare("true", image="127.0.0.1:1/nothing"))
    assert raised.value.kind is FailureKind.CREDENTIALS
