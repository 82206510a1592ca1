"""Projects that are set up otherwise: without time zones, with users of their own, with jobs in another database."""

import json
from pathlib import Path

from support.manage import DjangoProject

RUN_ONE = """
from container_manager.models import ContainerJob
job = ContainerJob.objects.create(image="any", docker_host_id="pretended")
print(job.launch(), job.harvest(), job.status, job.started_at is not None and job.runtime_duration.total_seconds() >= 0)
print(ContainerJob.objects.recent().count())
"""
SCHEDULE_TWO = """
from datetime import datetime, timedelta
for name, seconds in (("later", 3600), ("due", -1)):
    ContainerJob.objects.create(image="any", name=name, scheduled_at=datetime.now() + timedelta(seconds=seconds))
"""
MOCK = "CONTAINER_EXECUTORS = {'mock': {'hosts': {'pretended': {'stdout': 'hello'}}}}"


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'default.sqlite3'}"


def test_a_project_without_time_zones_runs_jobs(tmp_path: Path) -> None:
    settings = f"USE_TZ = False\nTIME_ZONE = 'Asia/Tokyo'\n{MOCK}"
    with DjangoProject(tmp_path / "p", sqlite(tmp_path), settings) as project:
        project.manage("migrate", "--verbosity", "0")
        assert project.python(f"{RUN_ONE}\n{SCHEDULE_TWO}").splitlines() == ["True True completed True", "1"]
        project.manage("process_container_jobs", "--once")
        listed = json.loads(project.manage("manage_container_job", "list", "--json").stdout)
        assert sorted((job["name"], job["status"]) for job in listed) == [
            ("", "completed"),
            ("due", "completed"),
            ("later", "pending"),
        ]


def test_a_project_with_users_of_its_own_records_who_submitted(tmp_path: Path) -> None:
    app = tmp_path / "p" / "people"
    app.mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "models.py").write_text(
        "from django.contrib.auth.models import AbstractBaseUser\nfrom django.db import models\n"
        "class Person(AbstractBaseUser):\n    badge = models.CharField(max_length=9, unique=True)\n"
        "    USERNAME_FIELD = 'badge'\n"
    )
    settings = f"INSTALLED_APPS = ['people', *INSTALLED_APPS]\nAUTH_USER_MODEL = 'people.Person'\n{MOCK}"
    with DjangoProject(tmp_path / "p", sqlite(tmp_path), settings) as project:
        project.manage("makemigrations", "people", "--verbosity", "0")
        project.manage("migrate", "--verbosity", "0")
        project.manage("makemigrations", "--check")
        made = project.python(
            "from people.models import Person; from container_manager.models import ContainerJob as J\n"
            "job = J.objects.create(image='any', created_by=Person.objects.create(badge='007'))\n"
            "print(job.as_value().created_by)\n"
            "Person.objects.all().delete(); job.refresh_from_db(); print(job.created_by, job.submitter)"
        )
        assert made.splitlines() == ["007", "None 007"]


def test_jobs_live_in_the_database_that_the_settings_name(tmp_path: Path) -> None:
    settings = (
        f"DATABASES['jobs'] = {{**DATABASES['default'], 'NAME': {str(tmp_path / 'jobs.sqlite3')!r}}}\n"
        f"CONTAINER_MANAGER = {{'DATABASE': 'jobs'}}\n{MOCK}"
    )
    router = "DATABASE_ROUTERS = ['container_manager.router.JobsRouter']"
    without = DjangoProject(tmp_path / "without", sqlite(tmp_path), settings)
    told = without.manage("check", code=1).stderr
    assert "container_manager.E007" in told
    assert "the models are written to 'default'" in told
    assert 'Add "container_manager.router.JobsRouter" to DATABASE_ROUTERS' in told
    with DjangoProject(tmp_path / "p", sqlite(tmp_path), f"{settings}\n{router}") as project:
        project.manage("migrate", "--verbosity", "0")
        project.manage("migrate", "--database", "jobs", "--verbosity", "0")
        tables = (
            "from django.db import connections as c\n"
            "names = [c[alias].introspection.table_names() for alias in ('default', 'jobs')]\n"
            "print(['container_manager_containerjob' in found for found in names])\n"
            "ContainerJob.objects.create(image='any')"
        )
        assert project.python(RUN_ONE + tables).splitlines() == ["True True completed True", "1", "[False, True]"]
        project.manage("process_container_jobs", "--drain")
        project.manage("cleanup_containers")
        assert '"completed"' in project.manage("manage_container_job", "list", "--json").stdout


def test_commands_on_a_database_without_tables_say_what_to_run(tmp_path: Path) -> None:
    project = DjangoProject(tmp_path / "p", sqlite(tmp_path))
    told = project.manage("manage_container_job", "create", "x", code=1).stderr
    assert "manage.py migrate" in told
    assert "Traceback" not in told
