"""The documents for Django: their examples, in their order, are steps in one project that begins as an empty folder."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from support.documents import ROOT, Example, django_documents, examples_of, steps
from support.engine import Engine

DOCUMENTS = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in django_documents()]
TIMEOUT_SECONDS = 120


class Reader:
    """Somebody who does what a document says.

    Args:
        folder: where; empty at first.
        engine: where jobs run. Its image stands in for ``alpine``.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder, self._image = folder, engine.image
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CONTAINER_MANAGER_", "DJANGO_", "DOCKER_", "XDG_", "PYTHON"))
        }
        self._environment: Mapping[str, str] = kept | {
            "HOME": str(folder / "home"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_HOST": engine.base_url,
            "COLUMNS": "200",
        }

    def follow(self, example: Example) -> None:
        """Do it; fails when a command does, or shows something else."""
        code = re.sub(r"\balpine\b", self._image, example.code)
        if example.language == "python" and example.title:
            self._write(example.title, code)
        elif example.language == "python":
            self._run(example, ["python", "manage.py", "shell", "--command", code])
        elif example.language == "console":
            for step in steps(example):
                said = self._run(example, ["sh", "-c", re.sub(r"\balpine\b", self._image, step.command)])
                missing = [line for line in step.output if line not in said.splitlines()]
                assert not missing, f"{example.place}: {step.command}\n{said}"

    def _write(self, name: str, code: str) -> None:
        """Add it to a file, which may be new, in a package that may be new."""
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a") as written:
            written.write(f"\n{code}")

    def _run(self, example: Example, words: Sequence[str]) -> str:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"{example.place}\n{done.stdout}"
        assert "Traceback" not in done.stdout, f"{example.place}\n{done.stdout}"
        return done.stdout


@pytest.mark.parametrize(
    "document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in django_documents()]
)
def test_the_examples_of_a_document_work_in_their_order(document: Path, engine: Engine, tmp_path: Path) -> None:
    reader = Reader(tmp_path, engine)
    followed = list(examples_of(document))
    assert {"console", "python"} <= {example.language for example in followed}
    for example in followed:
        reader.follow(example)
