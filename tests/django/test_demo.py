"""The example project, as somebody tries it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.documents import ROOT
from support.engine import Engine


def test_the_demo_runs_its_own_command_in_a_container_and_ends(engine: Engine, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "django-demo" / "demo.py")],
        cwd=tmp_path,
        env={
            **environment,
            "DOCKER_HOST": engine.base_url,
            "PYTHONPATH": str(ROOT / "tests"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert re.search(r"Log in as admin with the password \S{12}\n", said)
    for line in (
        "hello stdout | line 3",
        "hello stderr | a word on stderr",
        "make-report stdout | west: 200 sales, 19900",
    ):
        assert line in said
    table = [line.split(maxsplit=3) for line in said.partition("What became of each\n")[2].splitlines()]
    ended = {words[0]: tuple(words[1:3]) for words in table if len(words) > 2}
    assert ended["hello"] == ended["make-report"] == ("completed", "0")
    assert ended["exit-3"] == ("failed", "3")
    assert ended["timeout"][0] == "timeout"
    assert re.search(r"The database now has 3 reports, made by the container [0-9a-f]{12}\.", said)
    assert not list(tmp_path.glob("cm-django-demo-*")), "the demo removes its database and logs"
