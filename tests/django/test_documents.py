"""The documents for Django: their examples, in their order, are steps in one project that begins as an empty folder."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
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

    def run(self, examples: Sequence[Example]) -> None:
        """Run them in one `manage.py shell`, each with names of its own."""
        code = [f"exec(compile({self._ours(each.code)!r}, {each.place!r}, 'exec'), {{}})" for each in examples]
        self._run(examples[0].place, ["python", "-W", "error", "manage.py", "shell", "--command", "\n".join(code)])

    def type(self, example: Example) -> None:
        """Type its commands; each shows what it says."""
        for step in steps(example):
            said = self._run(example.place, ["sh", "-c", self._ours(step.command)])
            missing = [line for line in step.output if line not in said.splitlines()]
            assert not missing, f"{example.place}: {step.command}\n{said}"

    def write(self, example: Example) -> None:
        """Add it to its file, which may be new, in a package that may be new."""
        file = self._folder / example.title
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a") as written:
            written.write(f"\n{self._ours(example.code)}")

    def _ours(self, text: str) -> str:
        return re.sub(r"\balpine\b", self._image, text)

    def _run(self, place: str, words: Sequence[str]) -> str:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, f"{place}\n{done.stdout}"
        assert "Traceback" not in done.stdout, f"{place}\n{done.stdout}"
        return done.stdout


@pytest.mark.parametrize(
    "document", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in django_documents()]
)
def test_the_examples_of_a_document_work_in_their_order(document: Path, engine: Engine, tmp_path: Path) -> None:
    reader = Reader(tmp_path, engine)
    followed = list(examples_of(document))
    assert {"console", "python"} <= {example.language for example in followed}
    for kind, together in groupby(followed, _kind):
        if kind == "run":
            reader.run(list(together))
            continue
        for example in together:
            if kind != "shown":
                getattr(reader, kind)(example)


def _kind(example: Example) -> str:
    if example.title:
        return "write"
    return {"python": "run", "console": "type"}.get(example.language, "shown")
