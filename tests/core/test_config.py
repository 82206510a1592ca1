"""The configuration file, and what is wrong with it."""

from pathlib import Path

import pytest

from container_manager_core import Config, ConfigurationError


def _write(folder: Path, text: str) -> Path:
    path = folder / "container-manager.toml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """
        store = "sqlite:///jobs.sqlite3"
        [worker]
        max_concurrent_jobs = 3
        [hosts.big]
        executor = "docker"
        weight = 200
        cost_per_hour = 0.25
        config = { base_url = "unix:///x.sock" }
        """,
    )
    config = Config.load(path)
    assert config.store == f"sqlite:///{tmp_path}/jobs.sqlite3"
    assert config.worker.max_concurrent_jobs == 3
    assert config.worker.poll_interval_seconds == 5
    assert str(config.hosts["big"].cost_per_hour) == "0.25"
    assert config.source == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("store = 3", "store: 3 is not a string"),
        ('stor = "x"', "stor: the key 'stor' is unknown; known are: store, key_file, worker, hosts"),
        ('[worker]\nmax_concurrent_jobs = "4"', "worker.max_concurrent_jobs: '4' is not a whole number"),
        ("[worker]\nmax_concurrent_jobs = 0", "worker.max_concurrent_jobs: 0 is out of range"),
        ("[worker]\npoll_interval_seconds = true", "worker.poll_interval_seconds: True is not a number"),
        ("worker = []", "worker: [] is not a table"),
        ("hosts = 3", "hosts: 3 is not a table"),
        ("[hosts]\na = 3", "hosts.a: 3 is not a table"),
        ("[hosts.a]\nweight = 1", "hosts.a: executor: this key is missing"),
        ('[hosts.a]\nexecutor = "docker"\nweights = 1', "hosts.a: weights: the key 'weights' is unknown"),
        ('[hosts.a]\nexecutor = "docker"\nweight = 0', "hosts.a.weight: 0 is out of range"),
        (
            '[hosts.a]\nexecutor = "docker"\ncost_per_hour = "x"',
            "hosts.a: cost_per_hour: 'x' is not an amount of money",
        ),
        ('[hosts.a]\nexecutor = "docker"\nname = "b"', "hosts.a.name: the key 'name' is unknown"),
        ("x = ", "this is no valid TOML"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        Config.load(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Config.load(tmp_path / "nowhere.toml")
