"""The pages work unchanged where django-unfold has replaced the admin's templates."""

import os
import subprocess
import sys
from pathlib import Path

# A process of its own: a project has one set of apps.
_CODE = """
import django
django.setup()
from django.test import Client
from django.contrib.auth import get_user_model
from container_manager.models import ContainerJob, ContainerTemplate, ExecutorHost
from support.django_jobs import run_to

client = Client()
client.force_login(get_user_model().objects.create_superuser("root"))
host = ExecutorHost.objects.create(name="engine")
template = ContainerTemplate.objects.create(name="template", docker_image="busybox")
job = ContainerJob.objects.create(name="talker", template=template, docker_host=host)
run_to(job, "running", stdout=b"its output")
base = "/admin/container_manager/"
for address, part in {
    "": "Dashboard",
    "containerjob/": f"cm-status-{job.pk.hex}",
    "containerjob/add/": 'name="image"',
    f"containerjob/{job.pk}/change/": "its output",
    f"containerjob/{job.pk}/cancel/": "Stop or cancel",
    "containerjob/dashboard/": "cm-tile",
    "containerexecution/": "1 of talker",
    "executorhost/": "not checked yet",
    f"executorhost/{host.pk}/change/": "Test connection",
    f"containertemplate/{template.pk}/change/": "Create jobs",
    f"containertemplate/{template.pk}/jobs/": "template-{n}",
    "environmentvariabletemplate/add/": "environment_variables_text",
}.items():
    answer = client.get(base + address)
    text = answer.content.decode()
    assert answer.status_code == 200, (address, answer.status_code)
    assert "unfold" in text, address
    assert part in text, (address, part)
    print(address, "works")
chosen = {"action": "cancel_jobs", "_selected_action": [str(job.pk)], "post": "yes"}
assert client.post(base + "containerjob/", chosen).status_code == 302
job.refresh_from_db()
assert job.cancel_requested is not None
from django.db import connection
connection.close()
"""


def test_every_page_works_under_unfold(project: str) -> None:
    django_tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.unfold_settings",
        "PYTHONPATH": os.pathsep.join([str(django_tests), str(django_tests.parent)]),
    }
    done = subprocess.run([sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("works") == 12
