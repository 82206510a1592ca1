"""Tries the Django app in a new project with no setting but INSTALLED_APPS: ``fresh_project.py PYTHON``.

PYTHON is of an environment into which the wheels were installed. A job runs on the engine that answers, else
on a private one.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support.engine import Engine, open_engine

SHELL = ("manage.py", "shell", "--verbosity", "0", "--command")
SUBMIT = """
from container_manager.models import ContainerJob
ContainerJob.objects.create(name="first", image={image!r}, command="sh -c 'echo hello; exit 3'")
"""
LOOK = """
from container_manager.models import ContainerJob
job = ContainerJob.objects.get()
print(job.name, job.status, job.exit_code, job.get_logs().stdout)
"""
OPEN_ADMIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("admin"))
print(client.get("/admin/").status_code)
"""


class Project:
    """A project as ``django-admin startproject`` makes it, with the app.

    Args:
        python: the interpreter that has Django and the app.
        folder: where to make it.
        engine: where its jobs run.
    """

    def __init__(self, python: str, folder: Path, engine: Engine) -> None:
        self._python, self._folder, self._engine = python, folder, engine
        self.run("-m", "django", "startproject", "site1", ".")
        settings = folder / "site1" / "settings.py"
        made = settings.read_text()
        settings.write_text(made.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = ["container_manager",', 1))

    def run(self, *words: str) -> str:
        """What a program of the environment prints; one that fails ends this program with what it said."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO"))}
        done = subprocess.run(
            [self._python, "-W", "error::DeprecationWarning:container_manager", *words],
            cwd=self._folder,
            env=kept | {"DOCKER_HOST": self._engine.base_url},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def shows(self, expected: str, *words: str) -> None:
        """End this program unless that is all it prints."""
        said = self.run(*words)
        if said != expected:
            raise SystemExit(f"{' '.join(words)} printed {said!r} instead of {expected!r}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, open_engine() as engine:
        project = Project(sys.argv[1], Path(folder), engine)
        project.shows("System check identified no issues (0 silenced).", "manage.py", "check", "--fail-level", "DEBUG")
        project.run("manage.py", "migrate", "--verbosity", "0")
        project.shows("No changes detected", "manage.py", "makemigrations", "--check")
        project.shows("200", *SHELL, OPEN_ADMIN)
        project.run("manage.py", "process_container_jobs", "--once")
        project.run(*SHELL, SUBMIT.format(image=engine.image))
        project.run("manage.py", "process_container_jobs", "--once")
        project.shows(r"first failed 3 b'hello\n'", *SHELL, LOOK)
    print("a new project is clean, its admin opens, and its worker ran a job in a container")


if __name__ == "__main__":
    main()
