"""The key file, and sealing what is stored with another key."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from container_manager_core import Config, ConfigurationError, ContainerManager, ContainerSpec, Host, JobQuery
from container_manager_core.keys import KeyFile
from container_manager_core.resealing import BATCH, reseal
from container_manager_core.secrets import KEY_VARIABLE, Secret, SecretForm, Vault

ADD = "import sys, pathlib, container_manager_core.keys as keys; keys.KeyFile(pathlib.Path(sys.argv[1])).add()"


def test_keys_that_processes_add_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    (first,) = KeyFile(path).keys()
    adders = [subprocess.Popen([sys.executable, "-c", ADD, str(path)]) for _ in range(3)]
    assert [adder.wait() for adder in adders] == [0] * 3
    keys = KeyFile(path).keys()
    assert len(set(keys)) == 4
    assert keys[-1] == first
    assert KeyFile(path).forget_old() == 3
    assert KeyFile(path).keys() == keys[:1]
    assert sorted(each.name for each in path.parent.iterdir()) == ["key", "key.lock"]


def test_a_vault_that_was_opened_before_learns_of_a_new_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = Vault.open(path, {})
    KeyFile(path).add()
    sealed = Vault.open(path, {}).seal(Secret(SecretForm.CLEAR, "hunter2"))
    assert before.open_sealed(sealed) == "hunter2"


def test_keys_in_the_variable_go_before_the_file(tmp_path: Path) -> None:
    new, old = (Fernet.generate_key().decode() for _ in "12")
    sealed = Vault([old]).seal(Secret(SecretForm.CLEAR, "hunter2"))
    vault = Vault.open(tmp_path / "key", {KEY_VARIABLE: f"{new}, {old}"})
    anew = vault.reseal(sealed)
    assert Vault([new]).open_sealed(anew) == "hunter2"
    assert vault.reseal(anew) is anew
    assert not (tmp_path / "key").exists()


def _manager(tmp_path: Path) -> ContainerManager:
    return ContainerManager(
        Config(
            store=f"sqlite:///{tmp_path}/jobs.sqlite3",
            key_file=tmp_path / "key",
            hosts={"here": Host(name="here", executor="process")},
        )
    )


def test_every_stored_secret_is_sealed_anew_and_what_was_interrupted_goes_on(tmp_path: Path) -> None:
    """Two pages of jobs; those done already are not done again."""
    spec = ContainerSpec(image="i", secrets={"TOKEN": "hunter2", "OTHER": "secret://env/OTHER"})
    with _manager(tmp_path) as manager:
        manager.submit_many([spec] * BATCH)
        manager.submit_many([ContainerSpec(image="i")] * 3)
        manager.submit_many([spec] * 5)
        KeyFile(tmp_path / "key").add()
        vault = Vault.open(tmp_path / "key")

        def interrupted(seen: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            reseal(manager.store, vault, interrupted)
        seen: list[int] = []
        assert reseal(manager.store, vault, seen.append) == 8
        assert seen == [BATCH, BATCH + 8]
        assert reseal(manager.store, vault) == 0
        newest = Vault(KeyFile(tmp_path / "key").keys()[:1])
        for job in manager.list(JobQuery(limit=10_000)):
            if job.spec.secrets:
                assert newest.open_sealed(job.spec.secrets["TOKEN"]) == "hunter2"
                assert job.spec.secrets["OTHER"].text == "secret://env/OTHER"


def test_a_secret_whose_key_is_gone_is_named_by_its_job(tmp_path: Path) -> None:
    with _manager(tmp_path) as manager:
        job = manager.submit(ContainerSpec(image="i", secrets={"TOKEN": "hunter2"}))
        lost = Vault([Fernet.generate_key().decode()])
        with pytest.raises(ConfigurationError) as refused:
            reseal(manager.store, lost)
    assert str(refused.value).startswith(
        f"job {job.id}: secrets['TOKEN']: it was sealed with another key; put that key"
    )


def test_threads_that_read_a_missing_file_at_once_get_the_same_key(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(KeyFile(tmp_path / "key").keys())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
