"""An engine that is not there, does not answer or does not trust us: who, why, and what to do."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from container_manager_core.errors import PermanentError, TransientError
from container_manager_core.failure import FailureKind


def test_a_dead_socket_is_named_with_the_remedy(make_executor: Any, prepare: Any, socket_folder: Path) -> None:
    executor = make_executor(base_url=f"unix://{socket_folder}/docker.sock")
    for call in (lambda: executor.launch_job(prepare("true")), executor.list_owned):
        with pytest.raises(TransientError) as raised:
            call()
        assert f"unix://{socket_folder}/docker.sock" in raised.value.message
        assert "no such file or directory" in raised.value.message
        assert "systemctl start docker" in raised.value.hint
        assert "DOCKER_HOST" in raised.value.hint
        assert not raised.value.may_have_started
    health = executor.check_health()
    assert not health.ok
    assert str(socket_folder) in health.message
    assert "DOCKER_HOST" in health.hint


def test_a_refused_connection_started_nothing(make_executor: Any, prepare: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        executor = make_executor(base_url=f"tcp://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(TransientError, match="connection refused") as raised:
            executor.launch_job(prepare("true"))
    assert not raised.value.may_have_started


def test_an_engine_that_hangs_holds_nobody_longer_than_its_timeout(make_executor: Any, socket_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(socket_folder / "silent.sock"))
        silent.listen()
        executor = make_executor(base_url=f"unix://{socket_folder}/silent.sock", timeout=0.5)
        began = time.monotonic()
        with pytest.raises(TransientError, match=r"silent\.sock did not answer"):
            executor.list_owned()
        assert not executor.check_health().ok
        assert time.monotonic() - began < 30


def test_health_tells_what_the_engine_is(executor: Any, engine: Any, client: Any) -> None:
    health = executor.check_health()
    assert health.ok
    assert 0 < health.latency_seconds < 30
    assert client.version()["Version"] in health.message
    assert engine.base_url in health.message


def test_what_is_no_certificate_is_named(make_executor: Any, tmp_path: Path) -> None:
    executor = make_executor(base_url="tcp://127.0.0.1:1", tls_ca_cert=f"{tmp_path}/no-ca.pem")
    with pytest.raises(PermanentError, match="tls_ca_cert") as raised:
        executor.list_owned()
    assert raised.value.kind is FailureKind.CREDENTIALS


def test_the_environment_is_followed(make_executor: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/from-environment.sock")
    with pytest.raises(TransientError, match=r"from-environment\.sock"):
        make_executor(base_url=None).list_owned()
