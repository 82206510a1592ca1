"""``manage.py run_demo``: submits jobs, shows their output as it comes and what became of each."""

import threading
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from container_manager.manager import become_worker, get_manager
from container_manager.models import ContainerJob, ContainerTemplate
from container_manager_core import ContainerSpec, Mount, Resources
from sales.models import Report

DATABASE_FOLDER = "/database"
"""Where a container finds the folder of a SQLite file."""


class Command(BaseCommand):
    """Runs the demo's jobs. A worker must be running."""

    help = "Submit jobs, show their output as it comes, and what became of each."

    def add_arguments(self, parser):
        parser.add_argument("--image", required=True, help="image with this project")

    def handle(self, *args, **options):
        names = [template.name for template in ContainerTemplate.objects.all()]
        ids = [ContainerJob.objects.create(name=name, template=_template(name)).id for name in names]
        ids.append(get_manager().submit(report_spec(options["image"]), name="make-report", host="engine").id)
        # Threads follow the output: with connections of their own, which are closed when the program ends.
        manager = become_worker()
        threads = [threading.Thread(target=self._show, args=(manager, job_id), daemon=True) for job_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        jobs = [manager.wait(job_id, 60) for job_id in ids]
        self.stdout.write("\nWhat became of each\n")
        for job in jobs:
            failure = f"{job.failure.kind}: {job.failure.message}" if job.failure else ""
            self.stdout.write(f"{job.name:>12}  {job.status:<10} {job.exit_code!s:>4}  {failure}".rstrip())
        made_by = Report.objects.values_list("made_by", flat=True).first()
        self.stdout.write(f"\nThe database now has {Report.objects.count()} reports, made by the container {made_by}.")
        manager.close()

    def _show(self, manager, job_id):
        name = manager.get(job_id).name
        for chunk in manager.follow(job_id):
            for line in chunk.data.decode(errors="replace").splitlines():
                self.stdout.write(f"{name:>12} {chunk.stream} | {line}")


def _template(name):
    return ContainerTemplate.objects.get(name=name)


def report_spec(image):
    """This project's own command in a container, on this project's database."""
    database = settings.DATABASES["default"]
    if connection.vendor == "sqlite":
        file = Path(database["NAME"])
        url = f"sqlite:///{DATABASE_FOLDER}/{file.name}"
        place = {"mounts": [Mount(source=str(file.parent), target=DATABASE_FOLDER)]}
    else:
        url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        place = {"networks": ["host"]}
    return ContainerSpec(
        image=image,
        command=["python", "manage.py", "make_report"],
        secrets={"DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY},
        resources=Resources(memory_mib=256),
        timeout_seconds=120,
        **place,
    )
