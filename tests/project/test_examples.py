"""Every example in the documents runs, in an empty folder, on the tests' engine."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from container_manager_core import Config
from support.documents import ROOT, Example, documents, examples, examples_of, steps
from support.engine import Engine

TIMEOUT_SECONDS = 120


def by_place(languages: str) -> pytest.MarkDecorator:
    found = examples(*languages.split())
    return pytest.mark.parametrize("example", [pytest.param(example, id=example.place) for example in found])


@pytest.fixture
def surroundings(engine: Engine, tmp_path: Path) -> Mapping[str, str]:
    """What a new user's shell has: the program on PATH, and a home without any configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONTAINER_MANAGER_", "DOCKER_", "XDG_", "PYTHON"))
    }
    return kept | {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DOCKER_HOST": engine.base_url,
        "COLUMNS": "200",
    }


@by_place("python")
def test_a_python_example_runs(example: Example, surroundings: Mapping[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example.code],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_the_readmes_five_lines_print_the_result_and_nothing_else(
    surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    (example,) = [example for example in examples("python") if example.place.startswith("README.md:")]
    assert len([line for line in example.code.splitlines() if line]) <= 5
    done = subprocess.run(
        [sys.executable, "-c", example.code], cwd=tmp_path, env=surroundings, capture_output=True, text=True
    )
    assert done.stdout == "completed 0 b'hello\\n'\n"


@by_place("console")
def test_a_console_example_runs_and_shows_what_it_says(
    example: Example, surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    for step in steps(example):
        done = subprocess.run(
            ["sh", "-c", step.command],
            cwd=tmp_path,
            env=surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"{step.command}\n{done.stdout}"
        missing = [line for line in step.output if line not in done.stdout.splitlines()]
        assert not missing, f"{step.command}\n{done.stdout}"


@by_place("toml")
def test_a_configuration_example_can_be_loaded(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "container-manager.toml"
    file.write_text(example.code)
    assert Config.load(file).source == file


@by_place("json")
def test_a_json_example_is_json(example: Example) -> None:
    assert json.loads(example.code)


def test_the_readme_gives_two_commands_and_ci_runs_the_second() -> None:
    """Both are one line that does all its set-up."""
    demo, tests = [example.code.strip() for example in examples("sh") if example.place.startswith("README.md:")]
    assert demo == "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox -s demo"
    assert tests == "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox"
    assert [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()].count(tests) == 1


def test_every_example_is_in_a_language_that_somebody_checks() -> None:
    checked = {"python", "console", "json", "toml"}
    shown = {"sh", "text"}
    found = [example for document in documents() for example in examples_of(document)]
    others = [example.place for example in found if not example.title and example.language not in checked | shown]
    assert not others, f"name one of {sorted(checked | shown)} behind the fence"
    assert {example.language for example in examples(*checked)} == checked
